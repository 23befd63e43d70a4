DROP INDEX term_by_parent ON term;
DROP INDEX permission_by_date ON permission;
ALTER TABLE permission DROP COLUMN date_modified;
ALTER TABLE image DROP COLUMN id, DROP INDEX image_name, ADD PRIMARY KEY (asset_id, name);
