-- Who asks for the publication of which resources.
CREATE TABLE submission (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    account_id BIGINT NOT NULL,
    date_created BIGINT NOT NULL,
    comment VARCHAR(256) NOT NULL,
    CONSTRAINT submission_account FOREIGN KEY (account_id) REFERENCES account (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX submission_by_account ON submission (account_id, id);

CREATE TABLE submission_asset (
    submission_id BIGINT NOT NULL,
    asset_id BIGINT NOT NULL,
    PRIMARY KEY (submission_id, asset_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX submission_asset_backwards ON submission_asset (asset_id, submission_id);

-- How a submission ended; one without a row is pending.
CREATE TABLE review (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    submission_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    decision VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    comment VARCHAR(1800) NOT NULL,
    date_created BIGINT NOT NULL,
    CONSTRAINT review_submission UNIQUE (submission_id),
    CONSTRAINT review_of FOREIGN KEY (submission_id) REFERENCES submission (id),
    CONSTRAINT review_account FOREIGN KEY (account_id) REFERENCES account (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE bookmark (
    account_id BIGINT NOT NULL,
    asset_id BIGINT NOT NULL,
    date_created BIGINT NOT NULL,
    PRIMARY KEY (account_id, asset_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX bookmark_backwards ON bookmark (asset_id);

-- How often each resource was read; by whom is not kept.
CREATE TABLE asset_reads (
    asset_id BIGINT NOT NULL PRIMARY KEY,
    resource_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    total BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX asset_reads_by_type ON asset_reads (resource_type, total, asset_id);

-- When a revision came to be: `date_modified` says when the resource's own metadata last changed, a revision also counts what changed
-- around it, such as its images. 0 means the same as `date_modified`.
ALTER TABLE asset ADD COLUMN date_revised BIGINT NOT NULL DEFAULT 0;
ALTER TABLE asset_revision ADD COLUMN date_revised BIGINT NOT NULL DEFAULT 0;
