"""Print rows and details as Markdown tables. Must not measure."""

from collections.abc import Iterable, Mapping, Sequence

from rows import Row

_HEAD = ("what", "ours", "against", "figure", "repeats", "target", "")


def print_rows(rows: Iterable[Row]) -> None:
    """Print the figures with their targets, then the notes."""
    rows = list(rows)
    print_table(_HEAD, [_cells(row) for row in rows])
    notes = [f"- {row.what}: {row.note}" for row in rows if row.note]
    if notes:
        print("", *notes, sep="\n")


def print_contenders(details: Mapping[str, Mapping[str, str]]) -> None:
    """Print the figures of each contender, by column."""
    columns = list(dict.fromkeys(column for cells in details.values() for column in cells))
    if columns:
        lines = [
            [name, *(cells.get(column, "") for column in columns)]
            for name, cells in details.items()
        ]
        print_table(["contender", *columns], lines)


def print_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table with aligned columns."""
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    print(
        "\n| "
        + " | ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True))
        + " |"
    )
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")

    for line in lines:
        print(
            "| "
            + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            + " |"
        )


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {True: "reached", False: "**missed**", None: ""}[row.is_reached]
    target = f"{row.target.side} {row.target.bound:g}{row.unit}" if row.target else ""

    if row.figure is None:
        return row.what, row.ours, row.against, "not available", "", target, ""
    spread = "" if row.low is None or row.high is None else f"{row.low:.3g} to {row.high:.3g}"
    return row.what, row.ours, row.against, f"{row.figure:.3g}{row.unit}", spread, target, verdict
