-- Copying a database to a file or into an empty schema: its tables, and the numbers given out.

-- name: is_used [postgresql]
-- Does the target hold any user already?
SELECT 1 FROM users LIMIT 1

-- name: file_tables
-- The tables to copy, without SQLite's own.
SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name

-- name: table_columns
-- The columns of a table, in order.
SELECT name FROM pragma_table_info(:table) ORDER BY cid

-- name: table_references
-- The tables that must be filled before this one.
SELECT "table" FROM pragma_foreign_key_list(:table)

-- name: numbers_given_out
-- The greatest number of each table, deleted rows included: none is given out twice.
SELECT name, seq FROM sqlite_sequence

-- name: numbers_given_out [postgresql]
-- The last value of the sequence of each column that has one.
SELECT c.table_name, c.column_name, COALESCE(s.last_value, 0) FROM information_schema.columns AS c
JOIN pg_sequences AS s ON s.schemaname = c.table_schema
  AND quote_ident(s.schemaname) || '.' || quote_ident(s.sequencename)
    = pg_get_serial_sequence(c.table_name, c.column_name)
WHERE c.table_schema = current_schema() AND c.column_default IS NOT NULL

-- name: forget_number
-- Remove the new file's own number, which the source's number replaces.
DELETE FROM sqlite_sequence WHERE name = :name

-- name: keep_number
-- Continue after the greatest number of the source.
INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)

-- name: set_sequence [postgresql]
-- Continue after the greatest number of the source.
SELECT setval(pg_get_serial_sequence(:table, :column), :number)
