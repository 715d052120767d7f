"""What a model is given: entries, budgets, quotes, digests, token estimates. Pure."""
