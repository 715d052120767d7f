"""A whole bot on both platforms at once, under a steady load: the short version of what benchmarks/
runs for a minute.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def two_platforms(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import two_platforms  # noqa: PLC0415 - it is a script in a folder of its own

    yield two_platforms
    for name in ("two_platforms", "table", "rows"):
        sys.modules.pop(name, None)


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is looked at where Linux shows it"
)
async def test_under_a_steady_load_on_both_platforms_nothing_is_lost_doubled_or_out_of_order(
    two_platforms: Any, tmp_path: Path
) -> None:
    outcome = await two_platforms.load(tmp_path, seconds=4, rate=50, warm_up=50)
    assert (outcome.said, outcome.answered) == (200, 200)
    assert (outcome.lost, outcome.doubled, outcome.disordered) == (0, 0, 0)
