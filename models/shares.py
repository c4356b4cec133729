"""A share of few things, with how sure it is."""

import math
from dataclasses import dataclass

_Z = 1.959963984540054  # of 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """0 to 1, with its 95 % interval."""

    value: float
    low: float
    high: float


def share(some: int, of: int) -> Share:
    """Return `some / of` with the score interval of Wilson (1927), which holds for few and for none as well.

    Raises:
        ValueError: of nothing there is no share.
    """
    if not 0 <= some <= of or of == 0:
        raise ValueError(f"{some} of {of} is no share.")
    value, spread = some / of, _Z * _Z / of
    middle = (value + spread / 2) / (1 + spread)
    half = math.sqrt(value * (1 - value) * spread + spread * spread / 4) / (1 + spread)
    return Share(value, max(0.0, middle - half), min(1.0, middle + half))
