-- Images are listed in the order in which they were added, each with a number of its own.
ALTER TABLE image DROP PRIMARY KEY, ADD COLUMN id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST, ADD CONSTRAINT image_name UNIQUE (asset_id, name);
-- When the resource last changed, beside who may do what with it: what users administer is read in this order, a part at a time.
ALTER TABLE permission ADD COLUMN date_modified BIGINT NOT NULL DEFAULT 0;
UPDATE permission SET date_modified = COALESCE((SELECT a.date_modified FROM asset a WHERE a.id = asset_id), 0);
CREATE INDEX permission_by_date ON permission (account_id, kind, date_modified, asset_id);
-- The terms right below another one, or below none, in order.
CREATE INDEX term_by_parent ON term (vocabulary, official, parent_id, position, id);
