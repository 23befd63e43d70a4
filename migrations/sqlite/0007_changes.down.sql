DROP TABLE search_failure;
DROP TABLE catalogue_identity;
DROP TABLE change_position;
DROP TABLE asset_change;
