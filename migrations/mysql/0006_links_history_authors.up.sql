-- `links` holds what a resource says itself, and no longer what others say of it: a link is then written at its own end alone. `is_linked`
-- is 1 where others may have made links (at position 1000000 of `link`), so that reading looks for them only there.
ALTER TABLE asset ADD COLUMN is_linked SMALLINT NOT NULL DEFAULT 0;
CREATE TABLE link_text (id BIGINT NOT NULL PRIMARY KEY, links MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL);
INSERT INTO link_text (id, links)
    SELECT line.from_id, GROUP_CONCAT(line.said ORDER BY line.field SEPARATOR '\n') FROM (
        SELECT l.from_id, l.field, CONCAT(l.field, ' ', GROUP_CONCAT(
            CONCAT(CASE WHEN t.status = 'published' THEN '' ELSE '!' END, t.identifier) ORDER BY l.position, l.to_id SEPARATOR ' ')) AS said
        FROM link l JOIN asset t ON t.id = l.to_id AND t.date_deleted IS NULL
        WHERE l.position < 1000000
        GROUP BY l.from_id, l.field) line
    GROUP BY line.from_id;
UPDATE asset a SET a.is_linked = 1, a.links = COALESCE((SELECT k.links FROM link_text k WHERE k.id = a.id), '')
WHERE a.id IN (SELECT from_id FROM link WHERE position = 1000000);
DROP TABLE link_text;

-- Past states are compressed: `packed` holds the links, a NUL, and the document. Older rows have NULL there, and `document` and `links` as
-- they are. `date_replaced` says when the next state came: what is older than the configuration says is removed.
ALTER TABLE asset_revision ADD COLUMN packed MEDIUMBLOB NULL;
ALTER TABLE asset_revision ADD COLUMN date_replaced BIGINT NOT NULL DEFAULT 0;
UPDATE asset_revision SET date_replaced = UNIX_TIMESTAMP() * 1000000;
CREATE INDEX asset_revision_by_date ON asset_revision (date_replaced, asset_id, revision);

-- Who wrote a resource that was not published yet: nobody reviews what they wrote, even when its past states are gone.
CREATE TABLE asset_author (
    asset_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    PRIMARY KEY (asset_id, account_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO asset_author (asset_id, account_id)
    SELECT id, modified_by FROM asset WHERE status <> 'published' AND modified_by IS NOT NULL
    UNION SELECT r.asset_id, r.modified_by FROM asset_revision r JOIN asset a ON a.id = r.asset_id
    WHERE a.status <> 'published' AND r.modified_by IS NOT NULL;
-- To decide on a resource also set `modified_by`, without writing it.
DELETE FROM asset_author WHERE EXISTS (
    SELECT 1 FROM submission_asset s JOIN review v ON v.submission_id = s.submission_id
    WHERE s.asset_id = asset_author.asset_id AND v.account_id = asset_author.account_id AND v.decision <> 'retracted'
);
