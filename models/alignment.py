"""Two takes side by side: which remark of the one goes with which of the other. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of one take. `prompt` is the place of its prompt among those of its challenge."""

    id: UUID
    prompt: int
    start_ms: int
    tone: str
    criterion: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    left: Mark | None
    right: Mark | None

    @property
    def offset_ms(self) -> int | None:
        """How much later the right one comes in its video than the left one in its own."""
        return None if self.left is None or self.right is None else self.right.start_ms - self.left.start_ms


def align(left: Iterable[Mark], right: Iterable[Mark]) -> list[Pair]:
    """Pair moments on the same prompt: those on one criterion in their order, then those of one tone without one.

    A moment that has no counterpart stands alone. In the order of the left ones, the right ones that are alone where
    their own time puts them.
    """
    lefts, rights = _grouped(left), _grouped(right)
    pairs = [
        Pair(one, other)
        for key in dict.fromkeys([*lefts, *rights])
        for one, other in zip_longest(lefts.get(key, []), rights.get(key, []))
    ]
    return sorted(pairs, key=_place)


def _grouped(marks: Iterable[Mark]) -> dict[tuple[int, str], Sequence[Mark]]:
    groups: dict[tuple[int, str], list[Mark]] = defaultdict(list)
    for mark in sorted(marks, key=lambda mark: (mark.prompt, mark.start_ms, mark.id)):
        about = f"criterion {mark.criterion}" if mark.criterion else f"tone {mark.tone}"
        groups[mark.prompt, about].append(mark)
    return dict(groups)


def _place(pair: Pair) -> tuple[int, int, UUID]:
    mark = pair.left or pair.right
    assert mark is not None
    return (mark.prompt, mark.start_ms, mark.id)
