"""The command `session-plugin`, for who answers for a bot's database.

A module for each group of commands. They call the public verbs of `OperatorHub` and know no SQL.
`main` is the script; without the extra `cli` it says how to install it.
"""
