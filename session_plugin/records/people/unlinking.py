"""One account leaves a person: each side gets back exactly what came from it.

What goes where is decided in rules/linking.py; here it is carried out.
"""

from __future__ import annotations

from session_plugin.database.engine import Row, Tx
from session_plugin.errors import LinkRefused
from session_plugin.model import STORE_CHANNEL, Account, IdentityEvent
from session_plugin.records.conversation.sessions import end_expired_of_user
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import attempts, audit, data_keys, notices
from session_plugin.records.people.accounts import (
    find_account,
    identity_of,
    platform_accounts,
    to_account,
)
from session_plugin.records.people.linking import Linked
from session_plugin.records.results import (
    Announcement,
    IdentityChanged,
    Result,
    SessionEnded,
    SessionStarted,
)
from session_plugin.records.upkeep.summaries import set_archive_edges
from session_plugin.rules.linking import Home, Part, Return, oldest, part


def unlink(
    tx: Tx, context: OperationContext, account: Account, *, by: Account | None = None
) -> Result[Linked]:
    """Take one account out of a person; all of them are told.

    Raises:
        LinkRefused: the account is not linked with any other, or not with the one that asks for it.
            Or it is SessionStore's own name for a user, which goes where its id goes.
    """
    row, asker = find_account(tx, account), find_account(tx, by or account)
    others = (
        []
        if row is None
        else [a for a in platform_accounts(tx, row["user_id"]) if to_account(a) != account]
    )
    if (
        row is None
        or asker is None
        or not others
        or account.channel == STORE_CHANNEL
        or row["user_id"] != asker["user_id"]
    ):
        raise LinkRefused("This account is not linked with another one.")

    before = row["user_id"]
    ended = end_expired_of_user(tx, context, before)
    everybody = tx.all("accounts_of_user", user_id=before)
    attempts.withdraw_questions(tx, everybody)
    leaving = _part_ids(tx, context, row, others)
    user_ids = {a["account_no"]: _user_id_of(tx, a["account_no"]) for a in everybody}
    for account_no, user_id in user_ids.items():
        tx.run("give_founded_sessions", founder_no=account_no, user_id=user_id)

    begun: tuple[Announcement, ...] = ()
    for session_no in sorted(
        {r["session_no"] for no in leaving for r in tx.all("sessions_of_account", account_no=no)}
    ):
        begun += _divide(tx, context, session_no, leaving, user_ids)

    stayed = user_ids[others[0]["account_no"]]
    _let_rest(tx, context, row["account_no"], asker["account_no"], stayed)
    _notify(tx, context, row["account_no"], asker["account_no"], others)
    actor_no, user_id = asker["account_no"], user_ids[row["account_no"]]
    audit.note(tx, context, "unlinked", actor_no=actor_no, user_id=user_id, other_user_id=stayed)
    changed = [
        a
        for a in everybody
        if a["channel"] != STORE_CHANNEL
        and (user_ids[a["account_no"]] != before or a["account_no"] == row["account_no"])
    ]
    events = tuple(
        IdentityChanged(_unlinked(a, user_ids[a["account_no"]], before)) for a in changed
    )
    linked = Linked(
        identity=identity_of(tx, user_ids[asker["account_no"]]),
        others=tuple(
            to_account(a) for a in (row, *others) if a["account_no"] != asker["account_no"]
        ),
    )

    return Result(linked, ended + begun + events)


def _let_rest(tx: Tx, context: OperationContext, account_no: int, by_no: int, stayed: str) -> None:
    """Let the account that left, and the one by whose word it did, join only each other's people
    again for a while.
    """
    tx.run("leave_account", account_no=account_no, left_at=context.now, left_user_id=stayed)
    if by_no != account_no:
        left_user_id = _user_id_of(tx, account_no)
        tx.run("leave_account", account_no=by_no, left_at=context.now, left_user_id=left_user_id)


def _notify(
    tx: Tx, context: OperationContext, account_no: int, by_no: int, others: list[Row]
) -> None:
    """Leave a notice for every account but the one that asked."""
    if by_no != account_no:
        notices.post(tx, context, "left", account_no, about_no=by_no)

    for other in others:
        if other["account_no"] != by_no:
            notices.post(tx, context, "unlinked", other["account_no"], about_no=account_no)


def _unlinked(row: Row, user_id: str, before: str) -> IdentityEvent:
    return IdentityEvent(
        change="unlinked",
        account=to_account(row),
        user_id=user_id,
        previous_user_id=before if before != user_id else None,
        display_name=row["display_name"],
    )


def _user_id_of(tx: Tx, account_no: int) -> str:
    row = tx.one("account_by_no", account_no=account_no)
    return str(row["user_id"])


def _part_ids(tx: Tx, context: OperationContext, row: Row, others: list[Row]) -> frozenset[int]:
    """Return each side its user id, and tell which accounts leave: this one, and its id's own store
    account.

    An id goes back with the account whose home it is. If that is the id that everybody goes by,
    those who stay fall back on the oldest of their own. Only an account that shares its home with
    one that stays gets a new id.
    """
    before, home, account_no = row["user_id"], row["home_user_id"], row["account_no"]
    if any(other["home_user_id"] == home for other in others):
        fresh = context.new_id()
        tx.run("add_user", user_id=fresh, created_at=context.now)
        tx.run("rehome_account", account_no=account_no, user_id=fresh, home_user_id=fresh)
        return frozenset({account_no})

    if home == before:
        homes = {other["home_user_id"] for other in others}
        users = [tx.first("user_by_id", user_id=user_id) for user_id in homes]
        staying = oldest(
            (user["created_at"], user["user_id"]) for user in users if user is not None
        )
        tx.run("separate_user", user_id=staying)
        tx.run("merge_users_elsewhere", previous=before, merged_into=staying)
        tx.run("give_accounts_not_at_home", user_id=staying, previous=before)
    else:
        tx.run("separate_user", user_id=home)
        tx.run("give_accounts_at_home", user_id=home)

    own = tx.first("account_by_key", channel=STORE_CHANNEL, channel_user_id=home)

    return frozenset({account_no} if own is None else {account_no, own["account_no"]})


def _divide(
    tx: Tx,
    context: OperationContext,
    session_no: int,
    leaving: frozenset[int],
    user_ids: dict[int, str],
) -> tuple[Announcement, ...]:
    """Take out of a session what does not stay with the account in whose chat it began."""
    session = tx.one("session_by_no", session_no=session_no)
    segments = tx.all("segments_of_session", session_no=session_no)
    homes = {
        row["session_no"]: Home(row["founder_no"], row["joined_into"])
        for row in tx.all("homes_in_session", session_no=session_no)
    }
    returned = part(
        session_no,
        session["founder_no"],
        [Part(row["segment_no"], row["peer_no"], row["home_session_no"]) for row in segments],
        leaving=leaving,
        staying=frozenset(user_ids) - leaving,
        homes=homes,
    )
    if returned is None:
        return ()

    target, begun = _open_target(tx, context, session, returned, user_ids[returned.founder_no])
    for segment_no in returned.segments:
        tx.run("move_segment", segment_no=segment_no, session_no=target)

    for segment_no in returned.rehomed:
        tx.run("rehome_segment", segment_no=segment_no, home_session_no=target)

    for home in returned.homes_left:
        tx.run("rejoin_session", session_no=home, joined_into=target)

    _divide_summaries(tx, session_no, target, frozenset(returned.segments))
    data_keys.renew_summaries(tx, [session_no], now=context.now)
    for row in segments:
        set_archive_edges(tx, [row["segment_no"]])

    return begun


def _open_target(
    tx: Tx, context: OperationContext, session: Row, returned: Return, user_id: str
) -> tuple[int, tuple[Announcement, ...]]:
    """Bring a joined session back, live if the joint one is; or make one. Another bot's is for its
    own hub to tell.
    """
    if returned.target is not None:
        tx.run(
            "revive_session",
            session_no=returned.target,
            ended_at=session["ended_at"],
            end_reason=session["end_reason"],
        )
        return returned.target, ()

    row = tx.one(
        "add_session",
        session_id=context.new_id(),
        bot=session["bot"],
        user_id=user_id,
        chat_no=None,
        thread_id="",
        name=session["name"],
        founder_no=returned.founder_no,
        started_at=session["started_at"],
        start_reason="unlinked",
        ended_at=session["ended_at"],
        end_reason=session["end_reason"],
    )
    session_no = int(row["session_no"])
    begun: tuple[Announcement, ...] = (SessionStarted(session_no),)
    if session["ended_at"] is not None:
        begun += (SessionEnded(session_no),)

    return session_no, begun if session["bot"] == context.bot else ()


def _divide_summaries(tx: Tx, session_no: int, target: int, moved: frozenset[int]) -> None:
    """Drop summaries over both sides, so that what they superseded comes back; one side's go with
    their segments.
    """
    for summary in tx.all("summaries_of_session", session_no=session_no):
        covered = {
            row["segment_no"]
            for row in tx.all("parts_of_summary", summary_no=summary["summary_no"])
        }
        if covered and covered <= moved:
            tx.run("move_summary", summary_no=summary["summary_no"], session_no=target)
        elif covered & moved:
            tx.run("bring_back_superseded", superseded_by=summary["summary_no"])
            tx.run("drop_summary", summary_no=summary["summary_no"])
