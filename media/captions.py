"""Captions: WebVTT or SubRip as people send them, read strictly; WebVTT as it is served, written anew from it.

Nothing of a file but its times, its words and plain emphasis goes on: no styles, which can fetch, and no other markup,
which a player might run.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from media.commands import BEGIN_S

MAX_CUES = 10_000
MAX_CUE_CHARS = 2000
MAX_ERRORS = 20
SLACK_MS = 1000  # what a file may say beyond the end of its video: clocks differ
# Where a video begins on the clock of its renditions; beside a file, which begins at zero, players leave it unread.
HEADER = f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{round(BEGIN_S * 90_000)},LOCAL:00:00:00.000"

_CLOCK = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_CLOCK}\s+-->\s+{_CLOCK}(?:\s+(.*))?")
_SETTING = re.compile(
    r"align:(?:start|center|end|left|right)|vertical:(?:rl|lr)|size:\d{1,3}(?:\.\d{1,3})?%"
    r"|position:\d{1,3}(?:\.\d{1,3})?%(?:,(?:line-left|center|line-right))?"
    r"|line:-?\d{1,3}(?:\.\d{1,3})?%?(?:,(?:start|center|end))?"
)
_TAG = re.compile(r"<(/?)([A-Za-z0-9:]+)([^<>]*)>")
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")  # of SubStation, which finds its way into SubRip
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_EMPHASIS = ("b", "i", "u")
_ASIDE = re.compile(r"(NOTE|STYLE|REGION)(?:[ \t].*)?")


@dataclass(frozen=True, slots=True)
class Cue:
    """`text` is WebVTT: escaped, with plain emphasis at most, and no empty line."""

    start_ms: int
    end_ms: int
    text: str
    settings: str = ""

    @property
    def words(self) -> str:
        """What is said, without any markup."""
        return html.unescape(_TAG.sub("", self.text))


class BadCaptions(Exception):  # noqa: N818 - what they are
    """A file that is not taken. `errors` are sentences, each of which begins with its line."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__(errors[0])
        self.errors = tuple(errors[:MAX_ERRORS])


@dataclass
class _Reading:
    """`number` counts lines from 1, as editors do."""

    duration_ms: int
    cues: list[Cue] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def refuse(self, number: int, why: str) -> None:
        self.errors.append(f"Line {number}: {why}")


def read(text: str, *, duration_ms: int) -> list[Cue]:
    """Return the cues of a WebVTT or SubRip file. Raises BadCaptions, with all that is wrong with it."""
    lines = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff")).split("\n")
    reading = _Reading(duration_ms)
    for number, block in _blocks(lines):
        if len(reading.errors) >= MAX_ERRORS or len(reading.cues) > MAX_CUES:
            break
        _read_block(reading, number, block)
    if len(reading.cues) > MAX_CUES:
        reading.errors.append(f"There are more than {MAX_CUES} cues.")
    if not (reading.cues or reading.errors):
        reading.errors.append("There is no cue in this file. Send WebVTT or SubRip.")
    if reading.errors:
        raise BadCaptions(reading.errors)
    return reading.cues


def write(cues: Sequence[Cue]) -> str:
    """Write WebVTT that is one segment of HLS as well. Its times are those of the video, which begins at zero."""
    blocks = [HEADER]
    for cue in cues:
        times = f"{clock(cue.start_ms)} --> {clock(cue.end_ms)}"
        blocks.append(f"{times} {cue.settings}".rstrip() + f"\n{cue.text}")
    return "\n\n".join(blocks) + "\n"


def words_of(cues: Sequence[Cue]) -> str:
    """Return what is said, a line for each cue."""
    return "\n".join(" ".join(cue.words.split()) for cue in cues)


def clock(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{ms:03}"


def plain(text: str) -> str:
    """Return words as the text of a cue: escaped, so that none of them is markup."""
    lines = [_UNSEEN.sub("", line).strip() for line in text.split("\n")]
    return html.escape("\n".join(line for line in lines if line), quote=False)


def _blocks(lines: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Return what stands between empty lines, each with the number of its first line."""
    blocks: list[tuple[int, list[str]]] = []
    began = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            began = False
        elif began:
            blocks[-1][1].append(line)
        else:
            blocks.append((number, [line]))
            began = True
    return blocks


def _read_block(reading: _Reading, number: int, block: list[str]) -> None:
    if number == 1 and re.fullmatch(r"WEBVTT(?:[ \t].*)?", block[0]):
        # Some write the first cue right below.
        at = next((place for place, line in enumerate(block) if "-->" in line), None)
        if at is not None:
            _read_cue(reading, number + at, block[at:])
        return
    if _ASIDE.fullmatch(block[0]) and not any("-->" in line for line in block):
        return
    at = 0 if "-->" in block[0] else 1  # after a number or a name
    if at >= len(block) or "-->" not in block[at]:
        reading.refuse(number, f"here a cue should begin, as in 00:01.000 --> 00:04.000, not {_shown(block[0])}.")
        return
    _read_cue(reading, number + at, block[at:])


def _read_cue(reading: _Reading, number: int, block: list[str]) -> None:
    found = _TIMES.fullmatch(block[0])
    if not found:
        reading.refuse(number, f"these are no times as in 00:01.000 --> 00:04.000: {_shown(block[0])}.")
        return
    start_ms, end_ms = _ms(*found.groups()[:4]), _ms(*found.groups()[4:8])
    if wrong := _wrong(reading, start_ms, end_ms, block):
        reading.refuse(number, wrong)
        return
    text = _clean("\n".join(block[1:]))
    if text:
        settings = " ".join(word for word in (found[9] or "").split() if _SETTING.fullmatch(word))
        reading.cues.append(Cue(start_ms, min(end_ms, reading.duration_ms), text, settings))


def _wrong(reading: _Reading, start_ms: int, end_ms: int, block: list[str]) -> str:
    """Return what is wrong with a cue, or nothing."""
    if end_ms <= start_ms:
        return "this cue ends before it begins."
    if reading.cues and start_ms < reading.cues[-1].start_ms:
        return f"this cue begins at {clock(start_ms)}, before the one above it."
    if start_ms >= reading.duration_ms or end_ms > reading.duration_ms + SLACK_MS:
        return f"this cue lasts until {clock(end_ms)}, but the video only until {clock(reading.duration_ms)}."
    if any("-->" in line for line in block[1:]):
        return "there is no empty line between this cue and the next."
    if sum(map(len, block[1:])) > MAX_CUE_CHARS:
        return f"this cue has more than {MAX_CUE_CHARS} characters."
    return ""


def _ms(hours: str | None, minutes: str, seconds: str, ms: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)


def _clean(raw: str) -> str:
    """Keep words and plain emphasis; who speaks, in WebVTT a tag, becomes a word."""
    raw = _OVERRIDE.sub("", raw)
    parts: list[str] = []
    opened: list[str] = []
    at = 0
    for tag in _TAG.finditer(raw):
        parts.append(plain_kept(raw[at : tag.start()]))
        parts.append(_tag(tag, opened))
        at = tag.end()
    parts.append(plain_kept(raw[at:]))
    parts += [f"</{name}>" for name in reversed(opened)]
    lines = ("".join(parts)).split("\n")
    return "\n".join(line.strip() for line in lines if _TAG.sub("", line).strip())


def plain_kept(text: str) -> str:
    """Return text with its entities read once and its own characters escaped; the spaces at its ends are kept."""
    return html.escape(_UNSEEN.sub("", html.unescape(text)), quote=False)


def _tag(tag: re.Match[str], opened: list[str]) -> str:
    closing, name, rest = tag.group(1), tag.group(2).lower(), tag.group(3)
    if name == "v" and not closing:
        speaker = plain_kept(rest.partition(" ")[2].strip())
        return f"{speaker}: " if speaker else ""
    if name not in _EMPHASIS:
        return ""
    if not closing:
        opened.append(name)
        return f"<{name}>"
    if opened and opened[-1] == name:
        opened.pop()
        return f"</{name}>"
    return ""


def _shown(line: str) -> str:
    return repr(line.strip()[:40])
