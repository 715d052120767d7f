"""Compare meanings: vectors as they are stored, how close they are, and one ranking of two.

Pure. numpy is imported where it is needed: without a plugin for meaning, nothing here is used.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T", bound=Hashable)

LONGEST_VECTOR = 8192
"""Numbers of a vector."""
RANK_OFFSET = 60
"""How much less the first places count than they would alone: the constant of Cormack, Clarke and
Büttcher, "Reciprocal Rank Fusion" (SIGIR 2009).
"""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What somebody searches for, as a vector of a plugin."""

    made_by: str
    vector: bytes


def is_possible() -> bool:
    """Check whether vectors can be compared: whether numpy is installed."""
    try:
        _numpy()
    except ImportError:
        return False

    return True


def to_cells(vectors: Any, count: int) -> list[bytes]:
    """Return vectors as they are stored: of length 1, in half precision.

    Raises:
        ValueError: there are not `count` vectors of as many finite numbers each, or one of them is
            all zeros.
    """
    numpy = _numpy()
    matrix = numpy.asarray(vectors, dtype=numpy.float32)
    if matrix.ndim != 2 or len(matrix) != count or not 0 < matrix.shape[1] <= LONGEST_VECTOR:
        raise ValueError(
            f"{count} vectors of equal length are needed, up to {LONGEST_VECTOR} numbers each, not "
            f"an array of shape {matrix.shape}"
        )

    lengths = numpy.linalg.norm(matrix, axis=1, keepdims=True)
    if not numpy.isfinite(lengths).all() or not lengths.all():
        raise ValueError("a vector has a number that is not finite, or is all zeros")

    return [row.tobytes() for row in (matrix / lengths).astype("<f2")]


def closest(meaning: Meaning, cells: Sequence[bytes], *, limit: int) -> list[tuple[float, int]]:
    """Return the closest of some vectors, the closest first: how close, and at which place.

    Vectors of another length, and those that point away, are left out.
    """
    numpy = _numpy()
    size = len(meaning.vector)
    places = [place for place, cell in enumerate(cells) if len(cell) == size]
    if not places:
        return []

    matrix = numpy.frombuffer(b"".join(cells[place] for place in places), "<f2")
    asked = numpy.frombuffer(meaning.vector, "<f2").astype(numpy.float32)
    likeness = matrix.reshape(len(places), -1).astype(numpy.float32) @ asked
    order = numpy.argsort(-likeness, kind="stable")[:limit]

    return [(float(likeness[one]), places[one]) for one in order if likeness[one] > 0]


def fused(*rankings: Iterable[T]) -> list[T]:
    """Return what is in any of some rankings as one, by the sum of reciprocal ranks; the first
    ranking decides between equals.
    """
    scores: dict[T, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + 1 / (RANK_OFFSET + rank)

    return sorted(scores, key=lambda one: -scores[one])


def _numpy() -> Any:
    import numpy  # noqa: PLC0415 - an extra

    return numpy
