-- Being forgotten does not shorten the time for which an account that left others joins nobody else.

ALTER TABLE forgotten ADD COLUMN left_at REAL;
