-- Who acts: people and machines. `subject` is the identity provider's id; keys that are made on the command line have `local:NAME`.
CREATE TABLE account (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    subject VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    CONSTRAINT account_subject UNIQUE (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- API keys: the hash alone is kept. Times are microseconds since 1970, UTC, as everywhere below.
CREATE TABLE api_key (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    account_id BIGINT NOT NULL,
    hash VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    hint VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    roles MEDIUMTEXT NOT NULL,
    date_created BIGINT NOT NULL,
    date_expires BIGINT NULL,
    date_revoked BIGINT NULL,
    CONSTRAINT api_key_hash UNIQUE (hash),
    CONSTRAINT api_key_account FOREIGN KEY (account_id) REFERENCES account (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE platform (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(64) NOT NULL,
    CONSTRAINT platform_name UNIQUE (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row a resource. `document` holds everything but links. `alive` is 1 until the resource is deleted, then NULL: unique
-- indexes let NULLs repeat, so that a deleted resource's platform identifier can be registered again.
-- `platform_key` is the platform's identifier without its case, or the name of a related resource that has none.
-- `links` says what the table `link` says of a resource, so that reading needs no other row: a line for each field, its name and
-- the identifiers of the resources at the other end in order, without deleted ones, and `!` before those that are not published.
CREATE TABLE asset (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    identifier VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    resource_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    platform VARCHAR(64) NULL,
    platform_resource_identifier VARCHAR(256) NULL,
    platform_key VARCHAR(544) NULL,
    name VARCHAR(256) NULL,
    status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    alive SMALLINT NULL,
    revision BIGINT NOT NULL,
    date_created BIGINT NOT NULL,
    date_modified BIGINT NOT NULL,
    date_deleted BIGINT NULL,
    modified_by BIGINT NULL,
    content_hash VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    document MEDIUMTEXT NOT NULL CHECK (JSON_VALID(document)),
    links MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    CONSTRAINT asset_identifier UNIQUE (identifier),
    CONSTRAINT asset_on_platform UNIQUE (resource_type, platform, platform_key, alive)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX asset_by_creation ON asset (resource_type, status, alive, id);
CREATE INDEX asset_by_date_created ON asset (resource_type, status, alive, date_created, id);
CREATE INDEX asset_by_date_modified ON asset (resource_type, status, alive, date_modified, id);
CREATE INDEX asset_by_platform ON asset (resource_type, platform, status, alive, date_modified, id);
CREATE INDEX asset_by_deletion ON asset (alive, date_deleted);

-- Both ends of a pair of inverse links have a row each, so that reading a resource asks for its own rows alone.
CREATE TABLE link (
    from_id BIGINT NOT NULL,
    field VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    to_id BIGINT NOT NULL,
    position INT NOT NULL,
    PRIMARY KEY (from_id, field, to_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX link_backwards ON link (to_id, field);

-- `folded` is the key that spellings of one term share.
CREATE TABLE term (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    vocabulary VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    folded VARCHAR(512) NOT NULL,
    name VARCHAR(512) NOT NULL,
    definition MEDIUMTEXT NOT NULL,
    official SMALLINT NOT NULL,
    parent_id BIGINT NULL,
    position INT NOT NULL,
    scheme_id VARCHAR(256) NULL,
    CONSTRAINT term_key UNIQUE (vocabulary, folded)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE asset_term (
    asset_id BIGINT NOT NULL,
    term_id BIGINT NOT NULL,
    PRIMARY KEY (asset_id, term_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX asset_term_backwards ON asset_term (term_id, asset_id);

CREATE TABLE permission (
    asset_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    kind VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (asset_id, account_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX permission_by_account ON permission (account_id, asset_id);

-- What a resource was before each change.
CREATE TABLE asset_revision (
    asset_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    date_modified BIGINT NOT NULL,
    modified_by BIGINT NULL,
    document MEDIUMTEXT NOT NULL CHECK (JSON_VALID(document)),
    links MEDIUMTEXT NOT NULL,
    PRIMARY KEY (asset_id, revision)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE image (
    asset_id BIGINT NOT NULL,
    name VARCHAR(256) NOT NULL,
    media_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    bytes MEDIUMBLOB NOT NULL,
    PRIMARY KEY (asset_id, name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What changed, for the search index and the change feed: written with the change, in one transaction.
CREATE TABLE outbox (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    asset_id BIGINT NOT NULL,
    revision BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who does what must happen once: a job's name, the process that holds it, and until when.
CREATE TABLE lease (
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    holder VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    date_expires BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Whoever registers shares this row until it commits; whoever follows the row ids waits for it.
INSERT INTO lease (name, holder, date_expires) VALUES ('registering', '', 0);

INSERT INTO platform (name) VALUES
    ('aiod'), ('ai4europe_cms'), ('example'), ('openml'), ('huggingface'), ('zenodo'), ('ai4experiments'), ('aibuilder');
