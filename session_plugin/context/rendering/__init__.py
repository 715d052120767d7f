"""The forms in which providers take a conversation, one module each. Pure; no client is needed."""
