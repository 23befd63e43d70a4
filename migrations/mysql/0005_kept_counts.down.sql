DELETE FROM lease WHERE name = 'counting';
DROP TABLE term_count_change;
DROP INDEX term_in_use ON term;
ALTER TABLE term DROP COLUMN in_use;
ALTER TABLE term DROP COLUMN uses;
DROP TABLE resource_count_change;
DROP TABLE resource_count;
