-- Who acts: people and machines. `subject` is the identity provider's id; keys that are made on the command line have `local:NAME`.
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT account_subject UNIQUE (subject)
);

-- API keys: the hash alone is kept. Times are microseconds since 1970, UTC, as everywhere below.
CREATE TABLE api_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id BIGINT NOT NULL,
    hash TEXT NOT NULL,
    hint TEXT NOT NULL,
    roles TEXT NOT NULL,
    date_created BIGINT NOT NULL,
    date_expires BIGINT NULL,
    date_revoked BIGINT NULL,
    CONSTRAINT api_key_hash UNIQUE (hash),
    CONSTRAINT api_key_account FOREIGN KEY (account_id) REFERENCES account (id)
);

CREATE TABLE platform (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    CONSTRAINT platform_name UNIQUE (name)
);

-- One row a resource. `document` holds everything but links. `alive` is 1 until the resource is deleted, then NULL: unique
-- indexes let NULLs repeat, so that a deleted resource's platform identifier can be registered again.
-- `platform_key` is the platform's identifier without its case, or the name of a related resource that has none.
-- `links` says what the table `link` says of a resource, so that reading needs no other row: a line for each field, its name and
-- the identifiers of the resources at the other end in order, without deleted ones, and `!` before those that are not published.
CREATE TABLE asset (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    platform TEXT NULL,
    platform_resource_identifier TEXT NULL,
    platform_key TEXT NULL,
    name TEXT NULL,
    status TEXT NOT NULL,
    alive SMALLINT NULL,
    revision BIGINT NOT NULL,
    date_created BIGINT NOT NULL,
    date_modified BIGINT NOT NULL,
    date_deleted BIGINT NULL,
    modified_by BIGINT NULL,
    content_hash TEXT NOT NULL,
    document TEXT NOT NULL CHECK (JSON_VALID(document)),
    links TEXT NOT NULL,
    CONSTRAINT asset_identifier UNIQUE (identifier),
    CONSTRAINT asset_on_platform UNIQUE (resource_type, platform, platform_key, alive)
);
CREATE INDEX asset_by_creation ON asset (resource_type, status, alive, id);
CREATE INDEX asset_by_date_created ON asset (resource_type, status, alive, date_created, id);
CREATE INDEX asset_by_date_modified ON asset (resource_type, status, alive, date_modified, id);
CREATE INDEX asset_by_platform ON asset (resource_type, platform, status, alive, date_modified, id);
CREATE INDEX asset_by_deletion ON asset (alive, date_deleted);

-- Both ends of a pair of inverse links have a row each, so that reading a resource asks for its own rows alone.
CREATE TABLE link (
    from_id BIGINT NOT NULL,
    field TEXT NOT NULL,
    to_id BIGINT NOT NULL,
    position INT NOT NULL,
    PRIMARY KEY (from_id, field, to_id)
) WITHOUT ROWID;
CREATE INDEX link_backwards ON link (to_id, field);

-- `folded` is the key that spellings of one term share.
CREATE TABLE term (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    vocabulary TEXT NOT NULL,
    folded TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    official SMALLINT NOT NULL,
    parent_id BIGINT NULL,
    position INT NOT NULL,
    scheme_id TEXT NULL,
    CONSTRAINT term_key UNIQUE (vocabulary, folded)
);

CREATE TABLE asset_term (
    asset_id BIGINT NOT NULL,
    term_id BIGINT NOT NULL,
    PRIMARY KEY (asset_id, term_id)
) WITHOUT ROWID;
CREATE INDEX asset_term_backwards ON asset_term (term_id, asset_id);

CREATE TABLE permission (
    asset_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (asset_id, account_id)
) WITHOUT ROWID;
CREATE INDEX permission_by_account ON permission (account_id, asset_id);

-- What a resource was before each change.
CREATE TABLE asset_revision (
    asset_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    status TEXT NOT NULL,
    date_modified BIGINT NOT NULL,
    modified_by BIGINT NULL,
    document TEXT NOT NULL CHECK (JSON_VALID(document)),
    links TEXT NOT NULL,
    PRIMARY KEY (asset_id, revision)
);

CREATE TABLE image (
    asset_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (asset_id, name)
);

-- What changed, for the search index and the change feed: written with the change, in one transaction.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    asset_id BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

-- Who does what must happen once: a job's name, the process that holds it, and until when.
CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    date_expires BIGINT NOT NULL
);

INSERT INTO platform (name) VALUES
    ('aiod'), ('ai4europe_cms'), ('example'), ('openml'), ('huggingface'), ('zenodo'), ('ai4experiments'), ('aibuilder');
