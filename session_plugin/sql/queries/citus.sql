-- Spreading tables over the servers of a Citus cluster by chat; all other tables stay on the
-- coordinator. Statements that Citus takes in another form have a variant: what is asked on the
-- coordinator comes first there, as a result of its own (MATERIALIZED), and is then joined with
-- what the servers hold.

-- name: one_shard_after_the_other [citus]
-- Tables that refer to each other are changed over one connection to each server.
SELECT set_config('citus.multi_shard_modify_mode', 'sequential', true)

-- name: distributed_tables [citus]
-- Our tables that are spread over servers, and over how many shards.
SELECT CAST(logicalrelid AS TEXT) AS name, COUNT(*) AS shards FROM pg_dist_shard
WHERE logicalrelid IN (
  SELECT oid FROM pg_class
  WHERE relnamespace = CAST(quote_ident(current_schema()) AS REGNAMESPACE))
GROUP BY 1 ORDER BY 1

-- name: references_to_drop [citus]
-- Foreign keys of these tables, which Citus does not keep to tables of the coordinator.
SELECT CAST(CAST(conrelid AS REGCLASS) AS TEXT) AS name, conname FROM pg_constraint
WHERE contype = 'f' AND conrelid = ANY (CAST(CAST(:names AS TEXT[]) AS REGCLASS[]))

-- name: distribute_table [citus]
-- Spread a table over the servers by chat, with its rows.
SELECT create_distributed_table(CAST(CAST(:name AS TEXT) AS REGCLASS), 'chat_no',
  shard_count => CAST(:shards AS INTEGER))
