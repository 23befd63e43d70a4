-- Whether a submission was decided on, beside the row of `review` that says how: lists of pending ones then pass over no others.
ALTER TABLE submission ADD COLUMN is_decided SMALLINT NOT NULL DEFAULT 0;
UPDATE submission SET is_decided = 1 WHERE id IN (SELECT submission_id FROM review);
CREATE INDEX submission_by_decision ON submission (is_decided, id);
CREATE INDEX submission_by_account_and_decision ON submission (account_id, is_decided, id);
