-- Ids of platforms grow with time, so in this order new messages go to the end of the index: a few
-- pages, whatever the number of chats that are written in at once, where each chat had one.

DROP INDEX message_once;
CREATE UNIQUE INDEX message_once ON messages (message_id, chat_no) WHERE message_id IS NOT NULL;
