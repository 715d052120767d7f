"""The exceptions of session_plugin.

The first line of a class's docstring is its message when it is raised without one.
"""


class SessionError(Exception):
    """Something in session_plugin went wrong.

    The base class of all errors below.

    Example:
        try:
            async with SessionHub("bot.db") as hub:
                ...
        except SessionError as error:
            sys.exit(f"session_plugin: {error}")
    """

    def __init__(self, message: str | None = None) -> None:
        """Use `message`, or the first line of the class's docstring if it is None."""
        if message is None:
            message = (type(self).__doc__ or "").partition("\n")[0]
        super().__init__(message)


class DatabaseUnavailable(SessionError):
    """The database cannot be used at the moment. Try again what was not acknowledged.

    Example:
        try:
            messages = await session.history()
        except DatabaseUnavailable:
            messages = []  # new messages are queued meanwhile; answer without the history
    """


class DatabaseLocked(DatabaseUnavailable):
    """Another process has locked the database for too long. Find it, end it, and try again.

    Example:
        try:
            code = await hub.request_link(ann)
        except DatabaseLocked as error:
            print(error)
    """


class DatabaseRefused(SessionError):
    """session_plugin cannot use this database. It was left unchanged.

    Example:
        Path("notes.txt").write_text("These are my notes, not a database. " * 100)
        try:
            async with SessionHub("notes.txt"):
                ...
        except DatabaseRefused as error:
            print(error)  # names the file and says what to do
    """


class FileRefused(SessionError):
    """session_plugin cannot import this file. Nothing of it was stored.

    Example:
        Path("notes.json").write_text('{"notes": []}')
        try:
            await hub.import_telegram("notes.json")
        except FileRefused as error:
            print(error)  # names the file, and says what was expected
    """


class UnknownSession(SessionError):
    """No session has this id. Call get_or_create to get one.

    Example:
        with SessionStore("notes.db") as store:
            try:
                store.save_message("an-old-id", "user", "Hello!")
            except UnknownSession:
                session = store.get_or_create("ann")
                store.save_message(session.session_id, "user", "Hello!")
    """


class AccountTaken(SessionError):
    """This account belongs to another user; only its owner can link it, with a code.

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
            print(refusal)  # does not reveal what is wrong with a code
    """


class LinkingOff(LinkRefused):
    """Linking is off. The bot's operator has to set SESSION_SECRET or SessionHub(secret=...).

    Link codes are stored as keyed hashes, so they need a secret.

    Example:
        try:
            code = await hub.request_link(ann)
        except LinkingOff as refusal:
            print(refusal)
    """


class LinkedRecently(SessionError):
    """This account was linked less than 24 hours ago. Unlink it or wait, then erase or export.

    Until then neither side of a link can erase or export what the other brought: it may turn out to
    be somebody else. Each can unlink at any time, and then erase or export its own part. A user id
    instead of an account is the operator's word for the whole person, and is never refused.

    Example:
        try:
            await hub.forget(ann)
        except LinkedRecently:
            await hub.unlink(ann)
            await hub.forget(ann)
    """


class ForgetRefused(SessionError):
    """There is nothing to confirm. Ask first what would be erased, then confirm within ten minutes.

    Example:
        try:
            await hub.confirm_forget(ann)
        except ForgetRefused:
            receipt = await hub.ask_to_forget(ann)
            print(f"{receipt.messages} messages would be erased: are you sure?")
    """


class ExportRefused(SessionError):
    """This account has had as many exports as it gets for now. Ask again later.

    Example:
        try:
            await hub.request_export(ann)
        except ExportRefused as refusal:
            print(refusal)
    """


class PluginError(SessionError):
    """A plugin failed, or it does not match the hook specifications.

    Example:
        class Misspelled:
            @hookimpl
            def session_on_mesage(self, event): ...

        try:
            hub.register(Misspelled())
        except PluginError as error:
            print(error)
    """
