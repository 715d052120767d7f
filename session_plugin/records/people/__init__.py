"""Operations on accounts, links, privacy and forgetting."""
