"""The original blocking API on the same database, and importing what the original stored."""
