"""Run operations on a database: one writer thread, readers beside it, migrations, the named
statements.

Knows connections, transactions and threads. Knows no hooks, no platforms, and not what any
operation is about.
"""
