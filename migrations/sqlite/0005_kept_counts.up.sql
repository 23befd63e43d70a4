-- How many published resources of each type and platform there are ('' for none), and how many use each term. Whoever changes that
-- writes how much it changes, so that no two writers wait for one row; a job adds it up. The truth is the sum of both.
CREATE TABLE resource_count (
    resource_type TEXT NOT NULL,
    platform TEXT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (resource_type, platform)
);

CREATE TABLE resource_count_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    resource_type TEXT NOT NULL,
    platform TEXT NOT NULL,
    amount BIGINT NOT NULL
);

ALTER TABLE term ADD COLUMN uses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE term ADD COLUMN in_use SMALLINT NOT NULL DEFAULT 0;
CREATE INDEX term_in_use ON term (vocabulary, in_use, name);

CREATE TABLE term_count_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    term_id BIGINT NOT NULL,
    amount BIGINT NOT NULL
);
CREATE INDEX term_count_change_by_term ON term_count_change (term_id, amount);

INSERT INTO resource_count (resource_type, platform, total)
    SELECT resource_type, COALESCE(platform, ''), COUNT(*) FROM asset WHERE status = 'published' AND alive = 1
    GROUP BY resource_type, COALESCE(platform, '');
UPDATE term SET uses = (
    SELECT COUNT(*) FROM asset_term u JOIN asset a ON a.id = u.asset_id
    WHERE u.term_id = term.id AND a.status = 'published' AND a.alive = 1
);
UPDATE term SET in_use = 1 WHERE uses > 0;

-- Whoever adds up holds this row.
INSERT INTO lease (name, holder, date_expires) VALUES ('counting', '', 0);
