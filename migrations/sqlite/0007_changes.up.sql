-- Changes in the order of their commits. One process at a time moves the rows of `outbox` here, after they were committed, and gives each
-- the next position. `asset_id` 0 stands for everything: an import replaced the catalogue.
CREATE TABLE asset_change (
    position INTEGER PRIMARY KEY,
    asset_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    date_moved BIGINT NOT NULL
);
CREATE INDEX asset_change_by_date ON asset_change (date_moved);

-- How far each follower of the changes is. `head` is the last position that was given.
CREATE TABLE change_position (
    name TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    date_moved BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO change_position (name, position, date_moved) VALUES ('head', 0, 0);

-- What tells this catalogue from others: an index that was made of another one is made anew.
CREATE TABLE catalogue_identity (
    id TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;
INSERT INTO catalogue_identity (id) VALUES (lower(hex(randomblob(16))));

-- Resources that the search index refused, and why.
CREATE TABLE search_failure (
    asset_id BIGINT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    date_failed BIGINT NOT NULL
);

-- Nothing has read it so far: an index begins with all resources that there are.
DELETE FROM outbox;
