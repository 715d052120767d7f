"""Many people at once who never wrote before, and `status()` next to many users."""

from statistics import median

from contenders import OURS
from rows import Row, Target, compare, quantity

from measurements.bench import Bench

_AT_ONCE = 500
_OTHER = "aiosqlite"
_USERS = 100_000
_USERS_QUICK = 5_000


def measure(bench: Bench) -> list[Row]:
    """Let 500 people write their first message at once, into a new file each time."""
    found = {
        name: [_first_contact(bench, name) for _ in range(bench.rounds)]
        for name in (OURS, *bench.present((_OTHER,)))
    }
    stalls = [figures["stall_max"] for figures in found[OURS]]
    waits = [figures["seconds"] for figures in found[OURS]]
    rows = [
        Row(
            what=f"first contact of {_AT_ONCE} people at once: longest stall of the loop",
            ours=quantity(median(stalls), "ms"),
            figure=median(stalls),
            unit=" s",
            low=min(stalls),
            high=max(stalls),
            target=Target("at most", 0.1),
            note=f"all are stored after {quantity(median(waits), 'ms')}",
        )
    ]
    if _OTHER in found:
        rows.append(
            compare(
                f"first contact of {_AT_ONCE} people: processor time of each, against a row",
                *(
                    [figures["cpu"] / figures["messages"] for figures in found[name]]
                    for name in (OURS, _OTHER)
                ),
                name=_OTHER,
                unit="us",
            )
        )

    return rows


def measure_status(bench: Bench) -> list[Row]:
    """Let many people write once, and ask for the status, which looks at all of them."""
    wanted, patience = (_USERS_QUICK, 10) if bench.is_quick else (_USERS, 60)
    path = bench.fresh()
    with bench.process(OURS).opened(path, users=wanted, is_silent=True) as process:
        filled = process.do("fill", count=wanted, users=wanted, seconds=patience)
        reached = int(filled["messages"])
        waits = [process.do("status", times=3)["p50"] for _ in range(bench.rounds)]

    missing = "" if reached == wanted else f"{wanted:,} users would have taken too long to record"
    return [
        Row(
            what=f"status() with {reached:,} users",
            ours=quantity(median(waits), "ms"),
            figure=median(waits) * 1e3,
            unit=" ms",
            low=min(waits) * 1e3,
            high=max(waits) * 1e3,
            target=Target("at most", 30) if reached == _USERS else None,
            note="the full run has 100,000" if bench.is_quick else missing,
        )
    ]


def _first_contact(bench: Bench, name: str) -> dict[str, float]:
    users = 1 + _AT_ONCE
    with bench.process(name).opened(bench.fresh(), users=users, is_silent=True) as process:
        return process.do("first_contact", people=_AT_ONCE)
