"""What can go wrong, as types. Each class's docstring is the message it carries when it is raised without one."""


class SessionError(Exception):
    """Something in session_plugin went wrong."""

    def __init__(self, message: str | None = None) -> None:
        """Carry `message`, or the class's docstring when there is none."""
        super().__init__(message if message is not None else type(self).__doc__)


class DatabaseUnavailable(SessionError):
    """The database cannot be used just now; what was not acknowledged may be tried again."""


class DatabaseLocked(DatabaseUnavailable):
    """Another process has held the database for too long; find out which, end it, and try again."""


class DatabaseRefused(SessionError):
    """This database is not one that session_plugin may use; it was left as it is."""


class UnknownSession(SessionError):
    """No session has this id; ask get_or_create for one."""


class AccountTaken(SessionError):
    """This account already belongs to another user; only its owner can link it, with a code."""


class LinkRefused(SessionError):
    """This code cannot be used. Ask for a new one and try again."""


class LinkingOff(LinkRefused):
    """Linking is off here until whoever runs the bot sets SESSION_SECRET, or SessionHub(secret=...): codes need a secret."""


class ForgetRefused(SessionError):
    """There is nothing to confirm. Ask first what would be erased, and say yes within ten minutes."""


class PluginError(SessionError):
    """A plugin does not fit the hook specifications."""
