"""Cases: a real small file of some kind, and what is done to its bytes."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from tests.clips import clip, ffmpeg

MOST_BYTES = 400_000
MOST_BASE_BYTES = 120_000
VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".3gp", ".m4a")
FOUND = Path(__file__).parents[1] / "clips"  # small ones of real phones
# By name: what is made of the tiny clip, a second of 96 x 64 with sound.
BASES: dict[str, list[str]] = {
    "copy.mp4": ["-c", "copy", "-movflags", "+faststart"],
    "fragments.mp4": ["-c", "copy", "-movflags", "empty_moov+default_base_moof+frag_keyframe"],
    "pcm.mov": ["-c:v", "copy", "-c:a", "pcm_s16le"],
    "turned.mov": ["-c", "copy", "-movflags", "use_metadata_tags", "-metadata", "location=+48.1374+011.5755/"],
    "hevc.mp4": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-c:a", "copy"],
    "av1.mp4": ["-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1", "-c:a", "copy"],
    "mjpeg.mov": ["-c:v", "mjpeg", "-q:v", "20", "-an"],
    "prores.mov": ["-c:v", "prores_ks", "-c:a", "pcm_s16le"],
    "copy.mkv": ["-c", "copy"],
    "recorded.webm": ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-f", "webm", "-live", "1"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
    "copy.ts": ["-c", "copy"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "copy.flv": ["-c", "copy"],
    "phone.3gp": ["-c:v", "h263", "-s", "176x144", "-c:a", "copy"],
    "theora.ogg": ["-c:v", "libtheora", "-c:a", "libvorbis"],
}
EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
LARGE = (*EXTREMES, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)
# Names of boxes, of EBML elements and of chunks: where the structure of a file is.
MARKS = re.compile(
    rb"[a-z][a-z0-9]{3}|\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x1f\x43\xb6\x75|\x16\x54\xae\x6b|[A-Z]{4}|\x47\x40"
)
KINDS = (b"moov", b"trak", b"mdat", b"moof", b"free", b"stsd", b"stsz", b"stco", b"ctts", b"elst", b"dref", b"url ",
         b"meta", b"udta", b"uuid", b"rmra", b"cmov", b"encv", b"sinf", b"tx3g", b"mp4s", b"jpeg", b"raw ")  # fmt: skip


@cache
def names() -> tuple[str, ...]:
    """Return the bases: one of each kind, and the real files that are small enough."""
    found = [path for path in FOUND.glob("*.*") if path.suffix.lower() in VIDEOS]
    return (*sorted(BASES), *sorted(path.name for path in found if 0 < path.stat().st_size < MOST_BASE_BYTES))


@cache
def base(name: str) -> bytes:
    if name not in BASES:
        return (FOUND / name).read_bytes()
    path = clip("tiny.mp4").with_name(f"base-{name}")
    ffmpeg("-i", str(clip("tiny.mp4")), *BASES[name], str(path))
    return path.read_bytes()


@cache
def marks(name: str) -> tuple[int, ...]:
    """Return where the structure of a base is, its beginning and its end first."""
    data = base(name)
    found = [match.start() for match in MARKS.finditer(data)]
    return (0, len(data), *(at for at in found if at < 4096 or at > len(data) - 4096), *found[:64])


@dataclass(frozen=True)
class Place:
    """Somewhere in a file: `step` bytes after a mark, or anywhere."""

    mark: int | None
    step: int

    def of(self, name: str, size: int) -> int:
        known = marks(name)
        at = self.step if self.mark is None else known[self.mark % len(known)] + self.step % 48 - 16
        return at % size if size else 0


@dataclass(frozen=True)
class Mutation:
    """What is done at one place, and its numbers."""

    what: str
    place: Place
    value: int
    length: int

    def apply(self, data: bytearray, name: str) -> None:
        if data:
            CHANGES[self.what](data, self.place.of(name, len(data)), self)


def _write(data: bytearray, at: int, new: bytes) -> None:
    end = min(len(data), at + len(new))
    data[at:end] = new[: end - at]


def _number(data: bytearray, at: int, told: Mutation) -> None:
    value, length = LARGE[told.value % len(LARGE)], (1, 2, 4, 8)[told.length % 4]
    _write(data, at, (value % (1 << 8 * length)).to_bytes(length, "little" if told.length & 4 else "big"))


def _flip(data: bytearray, at: int, told: Mutation) -> None:
    data[at] ^= 1 << told.value % 8


def _noise(data: bytearray, at: int, told: Mutation) -> None:
    _write(data, at, random.Random(told.value).randbytes(1 + told.length % 256))


def _rename(data: bytearray, at: int, told: Mutation) -> None:
    _write(data, at, KINDS[told.value % len(KINDS)])


def _cut(data: bytearray, at: int, told: Mutation) -> None:
    del data[at:]


def _drop(data: bytearray, at: int, told: Mutation) -> None:
    del data[at : at + 1 + told.length % 4096]


def _repeat(data: bytearray, at: int, told: Mutation) -> None:
    piece = bytes(data[at : at + 1 + told.length % 4096])
    times = min(1 + told.value % 64, (MOST_BYTES - len(data)) // len(piece))
    data[at:at] = piece * max(0, times)


def _move(data: bytearray, at: int, told: Mutation) -> None:
    piece = bytes(data[at : at + 1 + told.length % 4096])
    to = told.value % len(data)
    data[to:to] = piece


def _splice(data: bytearray, at: int, told: Mutation) -> None:
    """From here on another file."""
    other = base(names()[told.value % len(names())])
    data[at:] = other[told.length % len(other) :]


CHANGES: dict[str, Callable[[bytearray, int, Mutation], None]] = {
    "number": _number,
    "flip": _flip,
    "noise": _noise,
    "rename": _rename,
    "cut": _cut,
    "drop": _drop,
    "repeat": _repeat,
    "move": _move,
    "splice": _splice,
}


@dataclass(frozen=True)
class Case:
    base: str
    mutations: Sequence[Mutation]

    def bytes(self) -> bytes:
        data = bytearray(base(self.base))
        for mutation in self.mutations:
            mutation.apply(data, self.base)
        return bytes(data[:MOST_BYTES])


# Where the structure is, more often than anywhere; numbers more often than the rest.
PLACES = st.builds(Place, st.none() | st.integers(0, 255) | st.integers(0, 255), st.integers(0, 1 << 20))
WHATS = st.sampled_from(
    [*["number"] * 4, *["flip"] * 2, "noise", "rename", "rename", "cut", "drop", "repeat", "move", "splice"]
)
MUTATIONS = st.builds(Mutation, WHATS, PLACES, st.integers(0, 1 << 20), st.integers(0, 1 << 16))
CASES = st.builds(
    Case, st.deferred(lambda: st.sampled_from(names())), st.lists(MUTATIONS, min_size=1, max_size=6).map(tuple)
)
