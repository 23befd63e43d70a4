-- Images are listed in the order in which they were added, each with a number of its own.
CREATE TABLE image_with_id (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    asset_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BLOB NOT NULL,
    CONSTRAINT image_name UNIQUE (asset_id, name)
);
INSERT INTO image_with_id (asset_id, name, media_type, bytes) SELECT asset_id, name, media_type, bytes FROM image ORDER BY rowid;
DROP TABLE image;
ALTER TABLE image_with_id RENAME TO image;
-- When the resource last changed, beside who may do what with it: what users administer is read in this order, a part at a time.
ALTER TABLE permission ADD COLUMN date_modified BIGINT NOT NULL DEFAULT 0;
UPDATE permission SET date_modified = COALESCE((SELECT a.date_modified FROM asset a WHERE a.id = asset_id), 0);
CREATE INDEX permission_by_date ON permission (account_id, kind, date_modified, asset_id);
-- The terms right below another one, or below none, in order.
CREATE INDEX term_by_parent ON term (vocabulary, official, parent_id, position, id);
