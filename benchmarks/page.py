"""Write the tables of one run into a page, in place of those of the run before.

Must not measure.
"""

import io
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from rows import Row
from table import print_contenders, print_rows

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write_page(
    page: Path,
    rows: Sequence[Row],
    details: Mapping[str, Mapping[str, str]],
    surroundings: Mapping[str, str],
) -> None:
    """Replace what is between the two marks of a page.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} and {END}")

    printed = io.StringIO()
    with redirect_stdout(printed):
        print(f"Measured on {time.strftime('%-d %B %Y')} with {_in_words(surroundings)}.")
        print_rows(rows)
        print_contenders(details)

    figures = printed.getvalue().strip()
    page.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}", encoding="utf-8")


def _in_words(surroundings: Mapping[str, str]) -> str:
    return ", ".join(
        f"{value} {name}" if name == "cores" else f"{name} {value}"
        for name, value in surroundings.items()
    )
