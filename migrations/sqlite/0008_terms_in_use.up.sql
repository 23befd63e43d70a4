-- Whether published resources use a term is kept, and no longer how many do: to count, each write wrote a row for each term. `term_check`
-- holds terms that may have come into use or gone out of it; a job looks, and until then, whoever asks does.
CREATE TABLE term_check (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    term_id BIGINT NOT NULL
);
CREATE INDEX term_check_by_term ON term_check (term_id);
DROP TABLE term_count_change;
ALTER TABLE term DROP COLUMN uses;
UPDATE term SET in_use = CASE WHEN EXISTS (
    SELECT 1 FROM asset_term u JOIN asset a ON a.id = u.asset_id
    WHERE u.term_id = term.id AND a.status = 'published' AND a.alive = 1
) THEN 1 ELSE 0 END;
