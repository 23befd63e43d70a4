DROP INDEX asset_by_platform_creation ON asset;
