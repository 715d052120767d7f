-- Who else in a session goes by a name, and in which order they first spoke there.

-- name: accounts_of_name
-- The accounts that go by each of several names on their channels, the first ones seen. What is
-- sealed is not in the index, and begins with a control character.
WITH asked (name, channel) AS (VALUES (:name, :channel))
SELECT asked.name, a.account_no, a.channel, a.channel_user_id FROM asked
CROSS JOIN accounts AS a ON a.account_no IN (
  SELECT n.account_no FROM accounts AS n
  WHERE n.display_name = asked.name AND n.channel = asked.channel AND n.display_name <> ''
    AND substr(n.display_name, 1, 1) <> char(1)
  ORDER BY n.account_no LIMIT 32)

-- name: accounts_of_name [postgresql]
-- Takes its rows as arrays.
SELECT asked.name, a.account_no, a.channel, a.channel_user_id
FROM unnest(CAST(:name AS TEXT[]), CAST(:channel AS TEXT[])) AS asked (name, channel)
CROSS JOIN LATERAL (
  SELECT account_no, channel, channel_user_id FROM accounts
  WHERE display_name = asked.name AND channel = asked.channel AND display_name <> ''
    AND substr(display_name, 1, 1) <> chr(1)
  ORDER BY account_no LIMIT 32) AS a

-- name: first_words
-- When accounts first spoke in segments, if that is among the first 50 of their messages from
-- there on; so the cost does not grow with what they say elsewhere. In a direct chat, among the
-- first 50 of the segment.
WITH asked (account_no, segment_no, from_seq) AS (VALUES (:account_no, :segment_no, :from_seq))
SELECT asked.account_no, COALESCE((
    SELECT MIN(w.seq) FROM (
      SELECT m.seq, m.segment_no, m.role FROM messages AS m
      WHERE m.account_no = asked.account_no AND m.seq >= asked.from_seq
      ORDER BY m.seq LIMIT 50) AS w
    WHERE w.segment_no = asked.segment_no AND w.role = 'user'), (
    SELECT MIN(w.seq) FROM (
      SELECT m.seq, m.role, m.of_peer FROM messages AS m
      WHERE m.seq >= asked.from_seq AND m.segment_no = (
        SELECT g.segment_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
        WHERE g.segment_no = asked.segment_no AND c.peer_no = asked.account_no)
      ORDER BY m.seq LIMIT 50) AS w
    WHERE w.role = 'user' AND w.of_peer = 1)) AS seq
FROM asked

-- name: first_words [postgresql]
-- Takes its rows as arrays.
SELECT asked.account_no, COALESCE((
    SELECT MIN(w.seq) FROM (
      SELECT m.seq, m.segment_no, m.role FROM messages AS m
      WHERE m.account_no = asked.account_no AND m.seq >= asked.from_seq
      ORDER BY m.seq LIMIT 50) AS w
    WHERE w.segment_no = asked.segment_no AND w.role = 'user'), (
    SELECT MIN(w.seq) FROM (
      SELECT m.seq, m.role, m.of_peer FROM messages AS m
      WHERE m.seq >= asked.from_seq AND m.segment_no = (
        SELECT g.segment_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
        WHERE g.segment_no = asked.segment_no AND c.peer_no = asked.account_no)
      ORDER BY m.seq LIMIT 50) AS w
    WHERE w.role = 'user' AND w.of_peer = 1)) AS seq
FROM unnest(CAST(:account_no AS BIGINT[]), CAST(:segment_no AS BIGINT[]),
  CAST(:from_seq AS BIGINT[])) AS asked (account_no, segment_no, from_seq)

-- name: first_words [citus]
-- By groups, and however many messages come before: Citus takes no limit for each row.
WITH asked AS MATERIALIZED (
  SELECT r.account_no, r.segment_no, r.from_seq, c.chat_no, c.peer_no
  FROM unnest(CAST(:account_no AS BIGINT[]), CAST(:segment_no AS BIGINT[]),
    CAST(:from_seq AS BIGINT[])) AS r (account_no, segment_no, from_seq)
  JOIN segments AS g ON g.segment_no = r.segment_no
  JOIN chats AS c ON c.chat_no = g.chat_no)
SELECT asked.account_no, MIN(m.seq) AS seq FROM messages AS m
JOIN asked ON asked.chat_no = m.chat_no AND asked.segment_no = m.segment_no
  AND m.seq >= asked.from_seq
WHERE m.role = 'user' AND (
  m.account_no = asked.account_no OR (m.of_peer = 1 AND asked.peer_no = asked.account_no))
GROUP BY asked.account_no, asked.segment_no, asked.from_seq
