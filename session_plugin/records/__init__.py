"""Operations on one transaction: people, sessions, messages, summaries, linking, decay.

Each is a plain function of a transaction and one argument, atomic by itself, safe to run again.
Knows SQL by the names of its statements; knows no threads, no event loop, no hooks, no platforms.
"""
