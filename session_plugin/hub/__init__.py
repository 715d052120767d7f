"""SessionHub: what adapters, bots and plugins talk to.

Knows operations, plugins and the event loop; knows no SQL and no platform. A hub belongs to no
event loop: it opens when it is first needed, and closes when the last lease on it ends.
"""

from session_plugin.hub.messages import Messages, Recorded
from session_plugin.hub.people import People

__all__ = ["Recorded", "SessionHub"]


class SessionHub(Messages, People):
    """One conversation per person across channels, kept in one database.

    Args:
        database: A path, or `":memory:"`.
        bot: Your name for the assistant, if several share a database; their sessions are apart.
        max_age_hours: Hours of silence after which the next message starts a new session; exactly
            as many do not.
        expiry: When else a session is over: daily at an hour, or otherwise on some channel or in
            some kind of chat; the most particular one counts. One for all of them replaces
            `max_age_hours`.
        retention_days: Days after which messages are removed; None keeps them.
        retention: The same for some channel or kind of chat; the most particular one counts.
        upkeep_minutes: How often the open hub ends sessions that nobody writes to any more, removes
            what is past its retention and makes withdrawn summaries again; None: only when `upkeep`
            and `decay` are called.
        consolidation_threshold: Unconsolidated messages of a session beyond which the oldest half
            gets a summary in front.
        consolidation_tokens: The same by tokens: beyond so many, the older half of them; None
            counts messages only.
        summarize: What sums messages up: an `async (messages, previous) -> str`, as the hook
            `session_summarize` does; where neither says anything, a digest without a model.
        summary_patience: Seconds that a summariser has for each piece that it is given.
        plugins: Objects with hook implementations; see `session_plugin.hooks`.
        load_entry_points: Also register what installed packages offer in the entry-point group
            `session_plugin`.
        store_patience: Seconds after which the bot goes on although the database has not taken a
            message.
        secret: 16 bytes or more under which link codes are hashed, the same in all processes.
            Without it the environment's SESSION_SECRET; without that, on SQLite, a file beside the
            database, made when it is needed. On other databases linking is off until there is one.
        record_when: Tells of a chat whether what is said in it is kept; None keeps everything.
        direct_sees_groups: In their direct chats, people are also shown what they themselves said
            in groups and were answered there. Otherwise what is said in a group is seen there only.
        privacy_text: What /privacy answers; None says what is kept, for how long, who sees it and
            how to leave.
        clock: Seconds since 1970.

    Raises:
        TypeError: a setting is of another kind than it has to be.
        ValueError: a setting makes no sense, or the secret is too short.
        PluginError: a plugin does not fit the hook specifications.

    Example:
        async with SessionHub("bot.db", max_age_hours=24) as hub:
            recorded = await hub.record(event)
            print([message.content for message in await recorded.session.history()])
    """
