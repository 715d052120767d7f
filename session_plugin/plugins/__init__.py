"""Finding, checking and calling plugins, each isolated from the others; and the built-in ones."""
