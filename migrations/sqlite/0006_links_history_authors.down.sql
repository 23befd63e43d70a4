DROP TABLE asset_author;
DROP INDEX asset_revision_by_date;
-- The older program cannot read them, and SQL cannot unpack them.
DELETE FROM asset_revision WHERE packed IS NOT NULL;
ALTER TABLE asset_revision DROP COLUMN date_replaced;
ALTER TABLE asset_revision DROP COLUMN packed;
UPDATE asset SET links = COALESCE((
    SELECT GROUP_CONCAT(line, char(10)) FROM (
        SELECT l.field || ' ' || GROUP_CONCAT(
            CASE WHEN t.status = 'published' THEN '' ELSE '!' END || t.identifier, ' ' ORDER BY l.position, l.to_id) AS line
        FROM link l JOIN asset t ON t.id = l.to_id AND t.date_deleted IS NULL
        WHERE l.from_id = asset.id GROUP BY l.field ORDER BY l.field)), '')
WHERE is_linked = 1;
ALTER TABLE asset DROP COLUMN is_linked;
