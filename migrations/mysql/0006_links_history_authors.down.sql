DROP TABLE asset_author;
DROP INDEX asset_revision_by_date ON asset_revision;
-- The older program cannot read them, and SQL cannot unpack them.
DELETE FROM asset_revision WHERE packed IS NOT NULL;
ALTER TABLE asset_revision DROP COLUMN date_replaced;
ALTER TABLE asset_revision DROP COLUMN packed;
CREATE TABLE link_text (id BIGINT NOT NULL PRIMARY KEY, links MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL);
INSERT INTO link_text (id, links)
    SELECT line.from_id, GROUP_CONCAT(line.said ORDER BY line.field SEPARATOR '\n') FROM (
        SELECT l.from_id, l.field, CONCAT(l.field, ' ', GROUP_CONCAT(
            CONCAT(CASE WHEN t.status = 'published' THEN '' ELSE '!' END, t.identifier) ORDER BY l.position, l.to_id SEPARATOR ' ')) AS said
        FROM link l JOIN asset t ON t.id = l.to_id AND t.date_deleted IS NULL
        GROUP BY l.from_id, l.field) line
    GROUP BY line.from_id;
UPDATE asset a SET a.links = COALESCE((SELECT k.links FROM link_text k WHERE k.id = a.id), '') WHERE a.is_linked = 1;
DROP TABLE link_text;
ALTER TABLE asset DROP COLUMN is_linked;
