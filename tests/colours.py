"""What a file says of its colours, in its header and in its first frames, and what it notes for screens of HDR."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.clips import TOOLS

# What is taken for granted where nothing is said.
FIELDS = {"color_range": "tv", "color_space": "unknown", "color_transfer": "unknown", "color_primaries": "unknown"}
HDR = ("dovi", "dolby", "ambient viewing", "mastering display", "content light", "hdr", "dynamic")


class Colours(NamedTuple):
    """`said` has one row for each different thing that is said: range, matrix, curve and primaries."""

    said: frozenset[tuple[str, ...]]
    notes: frozenset[str]


SDR = Colours(frozenset({("tv", "bt709", "bt709", "bt709")}), frozenset())


def colours(path: Path) -> Colours:
    argv = [TOOLS.binaries.ffprobe, "-v", "error", "-select_streams", "v:0", "-of", "json", "-show_streams"]
    argv += ["-show_frames", "-read_intervals", "%+0.2", str(path)]
    found = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout)
    holders = [*found["streams"], *found.get("frames", [])]
    said = frozenset(tuple(str(holder.get(field, usual)) for field, usual in FIELDS.items()) for holder in holders)
    return Colours(said, frozenset(note for holder in holders for note in _hdr_notes(holder)))


def _hdr_notes(holder: dict[str, Any]) -> list[str]:
    kinds = [str(data.get("side_data_type", "")) for data in holder.get("side_data_list", [])]
    return [kind for kind in kinds if any(word in kind.lower() for word in HDR)]
