"""Work that time brings: summaries, retention, erasing what was forgotten."""
