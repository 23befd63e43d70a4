DROP TABLE term_check;
ALTER TABLE term ADD COLUMN uses BIGINT NOT NULL DEFAULT 0;
CREATE TABLE term_count_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    term_id BIGINT NOT NULL,
    amount BIGINT NOT NULL
);
CREATE INDEX term_count_change_by_term ON term_count_change (term_id, amount);
UPDATE term SET uses = (
    SELECT COUNT(*) FROM asset_term u JOIN asset a ON a.id = u.asset_id
    WHERE u.term_id = term.id AND a.status = 'published' AND a.alive = 1
);
UPDATE term SET in_use = CASE WHEN uses > 0 THEN 1 ELSE 0 END;
