DROP INDEX submission_by_account_and_decision ON submission;
DROP INDEX submission_by_decision ON submission;
ALTER TABLE submission DROP COLUMN is_decided;
