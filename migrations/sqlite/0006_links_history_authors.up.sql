-- `links` holds what a resource says itself, and no longer what others say of it: a link is then written at its own end alone. `is_linked`
-- is 1 where others may have made links (at position 1000000 of `link`), so that reading looks for them only there.
ALTER TABLE asset ADD COLUMN is_linked SMALLINT NOT NULL DEFAULT 0;
UPDATE asset SET is_linked = 1, links = COALESCE((
    SELECT GROUP_CONCAT(line, char(10)) FROM (
        SELECT l.field || ' ' || GROUP_CONCAT(
            CASE WHEN t.status = 'published' THEN '' ELSE '!' END || t.identifier, ' ' ORDER BY l.position, l.to_id) AS line
        FROM link l JOIN asset t ON t.id = l.to_id AND t.date_deleted IS NULL
        WHERE l.from_id = asset.id AND l.position < 1000000 GROUP BY l.field ORDER BY l.field)), '')
WHERE id IN (SELECT from_id FROM link WHERE position = 1000000);

-- Past states are compressed: `packed` holds the links, a NUL, and the document. Older rows have NULL there, and `document` and `links` as
-- they are. `date_replaced` says when the next state came: what is older than the configuration says is removed.
ALTER TABLE asset_revision ADD COLUMN packed BLOB NULL;
ALTER TABLE asset_revision ADD COLUMN date_replaced BIGINT NOT NULL DEFAULT 0;
UPDATE asset_revision SET date_replaced = CAST(strftime('%s', 'now') AS INTEGER) * 1000000;
CREATE INDEX asset_revision_by_date ON asset_revision (date_replaced, asset_id, revision);

-- Who wrote a resource that was not published yet: nobody reviews what they wrote, even when its past states are gone.
CREATE TABLE asset_author (
    asset_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    PRIMARY KEY (asset_id, account_id)
) WITHOUT ROWID;
INSERT INTO asset_author (asset_id, account_id)
    SELECT id, modified_by FROM asset WHERE status <> 'published' AND modified_by IS NOT NULL
    UNION SELECT r.asset_id, r.modified_by FROM asset_revision r JOIN asset a ON a.id = r.asset_id
    WHERE a.status <> 'published' AND r.modified_by IS NOT NULL;
-- To decide on a resource also set `modified_by`, without writing it.
DELETE FROM asset_author WHERE EXISTS (
    SELECT 1 FROM submission_asset s JOIN review v ON v.submission_id = s.submission_id
    WHERE s.asset_id = asset_author.asset_id AND v.account_id = asset_author.account_id AND v.decision <> 'retracted'
);
