"""Videos whose first rung takes its time, so that it can be looked at while it is made."""

import shlex
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from media.binaries import Binaries, Tools
from tests.clips import BEEPS, TOOLS, ffmpeg

SECONDS = 12
SEGMENTS = 6


@cache
def foreign_clip() -> bytes:
    """Return twelve seconds that no browser plays as they are, with a beep each second."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "foreign.mp4"
        picture = ["-f", "lavfi", "-i", f"testsrc2=s=576x432:r=25:d={SECONDS}"]
        sound = ["-f", "lavfi", "-i", BEEPS.replace("d=4", f"d={SECONDS}")]
        h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv422p"]
        ffmpeg(*picture, *sound, *h264, "-c:a", "aac", str(path))
        return path.read_bytes()


def slow(folder: Path, *, speed: float, until_s: float | None = None, says: str = "") -> Tools:
    """The real ones, but of a first rung ffmpeg reads only so many seconds a second.

    `until_s`: there it ends. `says`: then it fails, with these words.
    """
    real, script = shlex.quote(TOOLS.binaries.ffmpeg), folder / "ffmpeg"
    end = f"-t {until_s}" if until_s else ""
    failing = f"echo {shlex.quote(says)} >&2; exit 1" if says else "exit $?"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in *"-hls_playlist_type event"*)\n'
        f'{real} -readrate {speed} {end} "$@"; {failing};; esac\n'
        f'exec {real} "$@"\n'
    )
    script.chmod(0o755)
    return Tools(Binaries(str(script), TOOLS.binaries.ffprobe), threads=TOOLS.threads)
