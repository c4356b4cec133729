"""`make bench`: each figure is measured beside its rival in the same run, and written to bench.json."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.signing import signing
from tests.bench.starting import second_start
from tests.bench.story import first_playable

BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "signing": signing,
    "starting": second_start,
    "playable": first_playable,
}


def main(names: list[str]) -> int:
    figures = [figure for name in names or BENCHES for figure in BENCHES[name]()]
    Path("bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    for figure in figures:
        print(figure.line())  # noqa: T201  # a bench speaks by printing
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
