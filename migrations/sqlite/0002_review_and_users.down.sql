DROP TABLE asset_reads;
DROP TABLE bookmark;
DROP TABLE review;
DROP TABLE submission_asset;
DROP TABLE submission;
