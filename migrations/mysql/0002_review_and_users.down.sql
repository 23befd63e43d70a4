ALTER TABLE asset_revision DROP COLUMN date_revised;
ALTER TABLE asset DROP COLUMN date_revised;
DROP TABLE asset_reads;
DROP TABLE bookmark;
DROP TABLE review;
DROP TABLE submission_asset;
DROP TABLE submission;
