DROP INDEX term_by_parent;
DROP INDEX permission_by_date;
ALTER TABLE permission DROP COLUMN date_modified;
CREATE TABLE image_without_id (
    asset_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (asset_id, name)
);
INSERT INTO image_without_id (asset_id, name, media_type, bytes) SELECT asset_id, name, media_type, bytes FROM image ORDER BY id;
DROP TABLE image;
ALTER TABLE image_without_id RENAME TO image;
