-- One session as an operator looks at it.

-- name: summaries_in_timeline
-- A session's summaries, also superseded and withdrawn ones, newest first.
SELECT summary_no, session_no, content, made_by, made_at, superseded_by, withdrawn_because
FROM summaries
WHERE session_no = :session_no
ORDER BY summary_no DESC LIMIT :limit

-- name: session_joined_into
-- The session that a link joined this one into.
SELECT into_.session_id FROM sessions AS s
JOIN sessions AS into_ ON into_.session_no = s.joined_into
WHERE s.session_no = :session_no
