DROP INDEX submission_by_account_and_decision;
DROP INDEX submission_by_decision;
ALTER TABLE submission DROP COLUMN is_decided;
