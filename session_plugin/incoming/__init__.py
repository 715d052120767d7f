"""Messages on their way to the database: screened, kept in order for each chat, queued until they
are committed.
"""
