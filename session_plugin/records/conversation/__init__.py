"""Operations on chats, sessions, segments and messages."""
