"""Before an engine is used: are the keys those of the database, and is anything to be sealed?"""

from __future__ import annotations

from session_plugin.database.engine import Engine
from session_plugin.encryption import cells
from session_plugin.encryption.keys import Keys
from session_plugin.encryption.ring import KeyRing
from session_plugin.encryption.sealing import Sealing
from session_plugin.errors import DatabaseRefused
from session_plugin.records.people import data_keys
from session_plugin.records.upkeep import encryption_state
from session_plugin.records.upkeep.encryption_state import EncryptionState, State

CHECK = b"session_plugin"
_CHECK_PLACE = cells.place("encryption.check_cell")


class Encryption:
    """The encryption of one database, from its opening on.

    Args:
        keys: What was given as `encryption`.
        database: The path or URL of the database.
        may_begin: Turn encryption on, or off, where the keys say so and the database does not yet.
    """

    def __init__(self, keys: Keys | None, *, database: str, may_begin: bool) -> None:
        """Touch nothing yet."""
        self._keys = keys
        self._database = database
        self._may_begin = may_begin
        self.sealing: Sealing | None = None
        """What seals and opens while the database is open; None without encryption."""

    def unlock(self, engine: Engine) -> None:
        """Let an engine that nobody uses yet seal and open, if its database is or shall be
        encrypted.

        Raises:
            DatabaseRefused: the database is encrypted and there are no keys, or others; or the
                master key is another one. Nothing was changed.
            DatabaseUnavailable: the key store cannot be reached.
        """
        self.sealing = None
        known = engine.read(encryption_state.find).result()
        if self._keys is None:
            _refuse_without_keys(engine.url, known)
            return
        if known is None and not (self._may_begin and self._keys.is_on):
            return

        destroyed = engine.read(data_keys.newest_destroyed).result()
        ring = KeyRing(self._keys.open(self._database, may_create=known is None))
        try:
            known = known or _begin(engine, ring)
            _check(engine.url, ring, known)
            state = known.state
            if self._may_begin:
                state = _turn(engine, known, is_on=self._keys.is_on)
        except BaseException:
            ring.close()
            raise

        self.sealing = Sealing(ring, state=state, check_id=known.check_id, destroyed=destroyed)
        engine.seal_with(self.sealing)


def _refuse_without_keys(database: str, known: EncryptionState | None) -> None:
    if known is not None:
        raise DatabaseRefused(
            f"{database} is encrypted, and no keys were given: give encryption=Keys(), with the "
            "master key in SESSION_KEY and the store of keys that belongs to it. The command line "
            "takes them from SESSION_KEY or SESSION_KEY_FILE, and from SESSION_KEY_STORE where the "
            "store is not next to the database"
        )


def _begin(engine: Engine, ring: KeyRing) -> EncryptionState:
    (check_id,) = ring.make(1)
    cipher = ring.get(check_id)
    assert cipher is not None, "it was just made"
    cell = cells.seal(cipher, check_id, CHECK, bound_to=_CHECK_PLACE)

    return engine.write_patiently(
        encryption_state.begin, check_id=check_id, check_cell=cell
    ).result()


def _check(database: str, ring: KeyRing, known: EncryptionState) -> None:
    """Check that the keys are those of the database.

    Raises:
        DatabaseRefused: they are not.
    """
    cipher = ring.get(known.check_id)
    if cipher is None:
        raise DatabaseRefused(
            f"the store of keys is not that of {database}: it has other keys, or was made anew. "
            "Give the one that belongs to it, or its newest backup; without it nothing that is "
            "sealed can be read"
        )
    try:
        is_ours = cells.unseal(cipher, known.check_cell, bound_to=_CHECK_PLACE) == CHECK
    except Exception:  # whatever the library raises
        is_ours = False
    if not is_ours:
        raise DatabaseRefused(
            f"the keys do not open what is sealed in {database}: its store of keys, or the row "
            "`encryption` in it, was changed"
        )


def _turn(engine: Engine, known: EncryptionState, *, is_on: bool) -> State:
    """Turn encryption on or off again, if the keys say so; return how far it is."""
    wanted: State = "sealing" if is_on else "opening"
    if is_on is (known.state != "opening"):
        return known.state

    engine.write_patiently(encryption_state.turn, wanted).result()
    return wanted
