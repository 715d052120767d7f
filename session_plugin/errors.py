"""What can go wrong, as types. The first line of a class's docstring is the message that it carries
when it has no other.
"""


class SessionError(Exception):
    """Something in session_plugin went wrong.

    Example:
        try:
            async with SessionHub("bot.db") as hub:
                ...
        except SessionError as error:
            sys.exit(f"session_plugin: {error}")
    """

    def __init__(self, message: str | None = None) -> None:
        """Carry `message`, or the first line of the class's docstring when there is none."""
        super().__init__(
            message if message is not None else (type(self).__doc__ or "").partition("\n")[0]
        )


class DatabaseUnavailable(SessionError):
    """The database cannot be used just now; what was not acknowledged may be tried again.

    Example:
        try:
            messages = await session.history()
        except DatabaseUnavailable:
            messages = []  # what was said waits to be stored; answer without it
    """


class DatabaseLocked(DatabaseUnavailable):
    """Another process has held the database for too long; find out which, end it, and try again.

    Example:
        try:
            code = await hub.request_link(ann)
        except DatabaseLocked as error:
            print(error)
    """


class DatabaseRefused(SessionError):
    """This database is not one that session_plugin may use; it was left as it is.

    Example:
        Path("notes.txt").write_text("These are my notes, and no database. " * 100)
        try:
            async with SessionHub("notes.txt"):
                ...
        except DatabaseRefused as error:
            print(error)  # it names the file, and what to do
    """


class UnknownSession(SessionError):
    """No session has this id; ask get_or_create for one.

    Example:
        with SessionStore("notes.db") as store:
            try:
                store.save_message("of long ago", "user", "Hello!")
            except UnknownSession:
                session = store.get_or_create("ann")
                store.save_message(session.session_id, "user", "Hello!")
    """


class AccountTaken(SessionError):
    """This account already belongs to another user; only its owner can link it, with a code.

    Example:
        with SessionStore("notes.db") as store:
            mine, yours = store.get_or_create("ann"), store.get_or_create("bob")
            store.link_channel(mine.session_id, "discord", "1001")
            try:
                store.link_channel(yours.session_id, "discord", "1001")
            except AccountTaken as error:
                print(error)
    """


class LinkRefused(SessionError):
    """This code cannot be used. Ask for a new one and try again.

    Example:
        try:
            await hub.redeem_link(ann, "AAAA-AAAA")
        except LinkRefused as refusal:
            print(refusal)  # the same words, whatever is wrong with a code
    """


class LinkingOff(LinkRefused):
    """Linking is off here until whoever runs the bot sets SESSION_SECRET, or
    SessionHub(secret=...): codes need a secret.

    Example:
        try:
            code = await hub.request_link(ann)
        except LinkingOff as refusal:
            print(refusal)
    """


class ForgetRefused(SessionError):
    """There is nothing to confirm. Ask first what would be erased, and say yes within ten minutes.

    Example:
        try:
            await hub.confirm_forget(ann)
        except ForgetRefused:
            receipt = await hub.ask_to_forget(ann)
            print(f"{receipt.messages} messages would go: are you sure?")
    """


class PluginError(SessionError):
    """A plugin does not fit the hook specifications.

    Example:
        class Misspelled:
            @hookimpl
            def session_on_mesage(self, event): ...

        try:
            hub.register(Misspelled())
        except PluginError as error:
            print(error)
    """
