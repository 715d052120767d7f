"""A hub's imports: what was said before the bot came, from files or from anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypedDict, Unpack

from session_plugin.hub.assembly import HubParts
from session_plugin.hub.imported_events import Events, Tally, chunks, size_of
from session_plugin.importing.authors import People, check_people, with_account
from session_plugin.importing.discord_exporter import read_discord
from session_plugin.importing.openai_agents import read_openai_agents
from session_plugin.importing.own_export import read_export
from session_plugin.importing.telegram_desktop import read_telegram
from session_plugin.importing.whatsapp import DateOrder, read_whatsapp
from session_plugin.logs import FieldLogger
from session_plugin.model import STORE_CHANNEL, Account, Chat, MessageEvent
from session_plugin.records.conversation.importing import DryRun, ImportResult, import_messages
from session_plugin.records.conversation.recording import Recording
from session_plugin.reports import ImportReport, OnProgress, Progress, Skipped
from session_plugin.rules.policies import policy_of
from session_plugin.store import import_operations
from session_plugin.store.original_import import AccountsOf, Import

logger = FieldLogger("session_plugin.import")


class ImportOptions(TypedDict, total=False):
    """What every import takes: see `import_history`."""

    dry_run: bool
    progress: OnProgress | None


class Importing:
    """What was said before the bot came."""

    _parts: HubParts

    async def import_history(
        self,
        events: Events,
        *,
        people: People | None = None,
        dry_run: bool = False,
        progress: OnProgress | None = None,
    ) -> ImportReport:
        """Store what was said before, before everything that the bot recorded itself.

        Messages keep their ids, so that importing them again adds nothing, and their later delivery
        by the platform is a duplicate. Sessions are cut by silence, as the hub's settings say, and
        are over. Filters, `record_when` and the questions about scopes and users apply as to any
        message. No plugin is notified of anything, no summary is made, nobody is linked. What was
        said by people who were forgotten since, or asked for privacy, is left out.

        Messages are stored 500 at a time, and live messages between these. After an import that was
        interrupted, import the same again: the result is the same as of one import.

        Args:
            events: The messages of each chat from the oldest on. An iterable is read on a thread of
                its own; a generator should open its files itself. `Skipped` among them are counted.
            people: Whose account somebody is whom a file knows by name only.
            dry_run: Store nothing; say what would be stored.
            progress: Called after each 500 messages.

        Raises:
            TypeError: `events` holds something else, or `people` is neither a mapping nor a
                function.
            FileRefused: the file is not what its reader expects; of readers in
                `session_plugin.importing` only.
        """
        return await self._import(events, people=people, dry_run=dry_run, progress=progress)

    async def _import(
        self,
        events: Events,
        *,
        people: People | None = None,
        dry_run: bool = False,
        progress: OnProgress | None = None,
        lets_forgotten_return: bool = False,
    ) -> ImportReport:
        check_people(people, argument="people")
        tally, total = Tally(), size_of(events)
        try:
            async with aclosing(chunks(events)) as found:
                async for chunk in found:
                    recordings = await self._screened(chunk, people, tally)
                    result = await self._store(
                        recordings, is_dry_run=dry_run, lets_forgotten_return=lets_forgotten_return
                    )
                    self._note(recordings, result, tally)
                    tally.seen += len(chunk)
                    if progress is not None:
                        progress(Progress(what="messages", done=tally.seen, total=total))
        except BaseException as error:
            if tally.stored and not dry_run:
                error.add_note(
                    f"{tally.stored} messages before this were imported; import the same again to "
                    "go on, and none is stored twice"
                )
            raise

        report = tally.report(is_dry_run=dry_run)
        _log(report)

        return report

    async def _screened(
        self, chunk: Sequence[object], people: People | None, tally: Tally
    ) -> list[Recording]:
        """Return what of a chunk may be stored as far as that is known before the database."""
        context, screening = self._parts.context(), self._parts.screening
        has_questions = screening.has_questions(None)
        recordings: list[Recording] = []

        for item in chunk:
            if isinstance(item, Skipped):
                tally.skip(item)
                continue
            if not isinstance(item, MessageEvent):
                raise TypeError(
                    f"events must be MessageEvent or Skipped, not {type(item).__name__}"
                )

            try:
                event = with_account(item, people)
            except LookupError as error:
                tally.leave_out(item, str(error))
                continue

            if not has_questions:
                recordings.append(Recording(context=context, event=event))
                continue

            scope_name = await screening.scope_name(event)
            recording = await screening.screen(context, event, scope_name=scope_name, is_seen=False)
            if recording is None:
                tally.leave_out(event, "a filter or record_when stores nothing of it")
            elif recording.is_withheld:
                tally.leave_out(event, "a filter failed; import it again once the filter works")
            else:
                recordings.append(recording)

        return recordings

    async def _store(
        self, recordings: Sequence[Recording], *, is_dry_run: bool, lets_forgotten_return: bool
    ) -> ImportResult:
        engine = await self._parts.database.open()
        future = engine.write_patiently(
            import_messages,
            self._parts.context(),
            recordings,
            is_dry_run=is_dry_run,
            lets_forgotten_return=lets_forgotten_return,
        )
        try:
            return await asyncio.wrap_future(future)
        except DryRun as undone:
            return undone.result

    def _note(self, recordings: Sequence[Recording], result: ImportResult, tally: Tally) -> None:
        now, retentions = self._parts.settings.clock(), self._parts.settings.retentions
        kept_since: dict[tuple[str, str], float | None] = {}
        tally.sessions += result.sessions

        for recording, fate in zip(recordings, result.fates, strict=True):
            event = recording.event
            key = (event.chat.channel, event.chat.kind)
            if key not in kept_since:
                kept_since[key] = policy_of(retentions, *key).before(now)

            before = kept_since[key]
            is_past_retention = before is not None and event.sent_at < before
            tally.note(event, fate, is_past_retention=is_past_retention)

    async def import_telegram(
        self,
        path: str | Path,
        *,
        bot: str | None = None,
        exported_by: str | None = None,
        time_zone: str | None = None,
        **options: Unpack[ImportOptions],
    ) -> ImportReport:
        """Import a `result.json` of Telegram Desktop, of one chat or of all data.

        Args:
            path: The file.
            bot: The id of the bot's account. Without it, only a file of one private chat is
                imported: the bot is the other side.
            exported_by: The id of the account that exported the file. All data says so itself; the
                export of a single group that is no supergroup does not.
            time_zone: The IANA name of the exporting computer's time zone, for files of years ago
                that give local times only.
            options: `dry_run` and `progress`, as `import_history` takes them.

        Raises:
            FileRefused: the file is no such export.
        """
        events = read_telegram(path, bot=bot, exported_by=exported_by, time_zone=time_zone)
        return await self.import_history(events, **options)

    async def import_discord(
        self,
        path: str | Path,
        *,
        bot: str | None = None,
        channel: str | None = None,
        **options: Unpack[ImportOptions],
    ) -> ImportReport:
        """Import a JSON file of DiscordChatExporter: a channel, a thread, or a part of one.

        Args:
            path: The file.
            bot: The id of the bot's account. Without it, the bot's messages are stored as those of
                any other bot, and live messages of the same channel are stored elsewhere.
            channel: The id of the channel, for a file that is a bare list of messages.
            options: `dry_run` and `progress`, as `import_history` takes them.

        Raises:
            FileRefused: the file is no such export.
        """
        events = read_discord(path, bot=bot, channel=channel)
        return await self.import_history(events, **options)

    async def import_whatsapp(
        self,
        path: str | Path,
        *,
        chat: Chat,
        bot: str,
        people: People,
        dates: DateOrder | None = None,
        time_zone: str = "UTC",
        **options: Unpack[ImportOptions],
    ) -> ImportReport:
        """Import a chat that was exported from WhatsApp as text.

        Args:
            path: The text file.
            chat: The chat that it becomes; the file has no id.
            bot: The name under which the bot writes in the file.
            people: Whose account each other name is. Of a group, what others wrote is stored as
                nobody's words.
            dates: The order of day, month and year in the file: `"dmy"`, `"mdy"` or `"ymd"`. None
                finds it out, where the dates leave no doubt.
            time_zone: The IANA name of the exporting phone's time zone.
            options: `dry_run` and `progress`, as `import_history` takes them.

        Raises:
            FileRefused: the file is no such export, or its dates can be read in two ways.
        """
        events = read_whatsapp(path, chat=chat, bot=bot, dates=dates, time_zone=time_zone)
        return await self.import_history(events, people=people, **options)

    async def import_openai_agents(
        self,
        path: str | Path,
        *,
        account_of: Callable[[str], Account | None],
        bot_id: str = "",
        **options: Unpack[ImportOptions],
    ) -> ImportReport:
        """Import the database of an openai-agents `SQLiteSession`, which is left as it is.

        Args:
            path: The SQLite file.
            account_of: Returns whose a `session_id` is; None leaves it out.
            bot_id: The bot's own account on those people's channel.
            options: `dry_run` and `progress`, as `import_history` takes them.

        Raises:
            FileRefused: the file is no such database.
        """
        events = read_openai_agents(path, account_of=account_of, bot_id=bot_id)
        return await self.import_history(events, **options)

    async def import_export(
        self,
        *paths: str | Path,
        of: Collection[Account] | None = None,
        lets_forgotten_return: bool = False,
        **options: Unpack[ImportOptions],
    ) -> ImportReport:
        """Import what `/export` or `SessionHub.export` once handed to a person.

        Without `of`, a file is believed: whose words a line is, where they stand and which role it
        has is what the line says. So name the accounts of a person who brings one.

        Args:
            paths: The files of one export, in their order.
            of: The accounts of the person who brings it. Only what they and the bot said in their
                direct chats is stored; instructions and groups are left out.
            lets_forgotten_return: Also store what was said before the person was forgotten: they
                brought it back themselves.
            options: `dry_run` and `progress`, as `import_history` takes them.

        Raises:
            FileRefused: a file is no such export.
        """
        return await self._import(
            read_export(*paths, of=of),
            lets_forgotten_return=lets_forgotten_return,
            **options,
        )

    async def import_original(
        self,
        path: str | Path,
        *,
        accounts: AccountsOf | None = None,
        progress: OnProgress | None = None,
    ) -> ImportReport:
        """Take in what the original SessionStore kept in its `sessions.db`, which is left
        untouched.

        Its users are users here, under the same ids, and `store()` finds their sessions under the
        same ids. Times and order stay; a summary is a summary again. It can be run again, and takes
        in what came since. Hooks are told of none of it. Best done before the bot first runs: what
        is said earlier comes before it in the order.

        Args:
            path: The original's file.
            accounts: Whose account each of its users is, by the user's id: a mapping to
                `Account`, or a function. They become that user's if nobody owns them; it is your
                word, and audited.
            progress: Called after each piece.

        Raises:
            DatabaseRefused: it is no database of the original's, or damaged.
        """
        context = self._parts.context()
        retention = policy_of(self._parts.settings.retentions, STORE_CHANNEL, "direct")
        import_ = Import(
            path, accounts=accounts, before=retention.before(context.now), progress=progress
        )

        await asyncio.to_thread(import_.open)
        try:
            while (piece := await asyncio.to_thread(import_.next_piece)) is not None:
                imported = await self._parts.database.write(
                    import_operations.import_piece,
                    self._parts.context(),
                    piece,
                    import_.account_of(piece),
                )
                import_.note(piece, imported)
        finally:
            await asyncio.to_thread(import_.close)

        return import_.report()


def _log(report: ImportReport) -> None:
    logger.info(
        "%(verb)s %(messages)d messages; %(known_messages)d were known, %(left_out)d left out",
        verb="would import" if report.is_dry_run else "imported",
        messages=report.messages,
        known_messages=report.known_messages,
        left_out=sum(report.left_out.values()),
    )
    if report.past_retention and not report.is_dry_run:
        logger.warning(
            "%(messages)d imported messages are past their retention, and go with the next decay",
            messages=report.past_retention,
        )
