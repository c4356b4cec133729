"""A real ffmpeg that fails at some of its work, as one does that meets what it cannot encode."""

import shlex
from pathlib import Path

from media.binaries import Binaries, Tools
from tests.clips import TOOLS

DAMAGED = "Invalid data found when processing input"
BROKEN = "something is wrong with this build"
FULL = "No space left on device"


def failing_at(folder: Path, *words: str, says: str = DAMAGED) -> Tools:
    """Fails when one of the words is among its arguments; whatever else it is given, the real one does."""
    patterns = "|".join(f"*{shlex.quote(word)}*" for word in words)
    script = folder / "ffmpeg"
    script.write_text(
        "#!/bin/sh\n"
        f'case "$*" in {patterns}) echo {shlex.quote(says)} >&2; exit 1;; esac\n'
        f'exec {shlex.quote(TOOLS.binaries.ffmpeg)} "$@"\n'
    )
    script.chmod(0o755)
    return Tools(Binaries(str(script), TOOLS.binaries.ffprobe), threads=TOOLS.threads)
