"""Keys of criteria: what they are made of, and how they survive versions; and when a version is young."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

MOST = 64  # characters of a key
# A change wants this long, and so many takes judged by it, before its effect can be told from chance.
BED_DOWN = timedelta(days=28)
BED_DOWN_OBSERVATIONS = 3


def slug(title: str) -> str:
    """Return a key of lower-case letters, digits and hyphens; a title without any gives `criterion`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: MOST - 4].rstrip("-") or "criterion"


def assign_keys(
    wanted: Sequence[tuple[str | None, str]], known: Mapping[str, str], used: Collection[str] = ()
) -> list[str]:
    """Return a key for each `(key, title)`: the given one, that of the same title before, or a new one.

    `known` holds the keys of earlier versions by title. A new key is none of `used`, so that nothing inherits the
    history of another criterion by chance.
    """
    taken = {key for key, _ in wanted if key}
    kept: list[str | None] = []
    for given, title in wanted:
        before = known.get(title)
        free = before if before not in taken else None
        kept.append(given or free)
        taken.update(key for key in kept[-1:] if key)
    return [key or _new(title, taken, used) for key, (_, title) in zip(kept, wanted, strict=True)]


def _new(title: str, taken: set[str], used: Collection[str]) -> str:
    base, number = slug(title), 1
    key = base
    while key in taken or key in used:
        number += 1
        key = f"{base}-{number}"
    taken.add(key)
    return key


def first_repeated(keys: Sequence[str | None]) -> int | None:
    """Return the index of the first key that was given before, if any."""
    seen: set[str] = set()
    for index, key in enumerate(keys):
        if key is not None and key in seen:
            return index
        if key is not None:
            seen.add(key)
    return None


def first_not_rising(points: Sequence[float]) -> int | None:
    """Return the index of the first level whose points are not above those of the level before, if any."""
    for index, (lower, upper) in enumerate(pairwise(points), start=1):
        if upper <= lower:
            return index
    return None


def is_young(since: datetime, at: datetime) -> bool:
    """Return whether a change of that time has not bedded down yet."""
    return at - since < BED_DOWN
