"""Operations that upkeep runs: summaries, retention, status, work leases."""
