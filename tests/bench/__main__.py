"""`make bench`: each figure is measured beside its rival in the same run, and written to bench.json.

It ends with status 1 when a target was missed.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.jobs import job_starts
from tests.bench.media import media
from tests.bench.reads import reads
from tests.bench.signing import signing
from tests.bench.starting import clone_to_ready, second_start
from tests.bench.story import first_playable
from tests.bench.upload import upload
from tests.bench.worker import worker

BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "signing": signing,
    "starting": second_start,
    "playable": first_playable,
    "jobs": job_starts,
    "upload": upload,
    "reads": reads,
    "media": media,
    "worker": worker,
    "clone": clone_to_ready,
}


def main(names: list[str]) -> int:
    if unknown := sorted(set(names) - set(BENCHES)):
        print(f"There is no bench {unknown[0]}; there are {', '.join(BENCHES)}.")  # noqa: T201  # a bench speaks so
        return 2
    figures: list[Figure] = []
    for name in names or BENCHES:
        found = BENCHES[name]()
        for figure in found:
            print(figure.line(), flush=True)  # noqa: T201  # likewise
        figures += found
        # After each part: what was measured is kept when a later one fails.
        Path("bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    return 1 if any(figure.met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
