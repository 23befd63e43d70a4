-- Pages of a platform by cursor: the same cost at any depth.
CREATE INDEX asset_by_platform_creation ON asset (resource_type, platform, status, alive, id);
