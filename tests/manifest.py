"""Files from real phones, and what must come of each: from the full folder beside us, else of the copies."""

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent / "clips"
FULL = Path(__file__).parent.parent.parent / "shared" / "clips"


@dataclass(frozen=True)
class Row:
    """`size` is upright and with square pixels; `lasts_ms` is as long as the longest track that was decoded."""

    path: Path
    expect: str
    size: tuple[int, int]
    frames: int
    lasts_ms: int


def rows() -> list[Row]:
    folder = FULL if (FULL / "MANIFEST.tsv").exists() else HERE
    with (folder / "MANIFEST.tsv").open(newline="") as file:
        return [_row(folder, said) for said in csv.DictReader(file, delimiter="\t")]


def row(name: str) -> Row:
    return next(one for one in rows() if one.path.name == name)


def _row(folder: Path, said: dict[str, str]) -> Row:
    lasts_s = max(float(said[column] or 0) for column in ("decoded_video_s", "decoded_audio_s"))
    return Row(folder / said["file"], said["expect"], _square(said), int(said["frames"] or 0), round(lasts_s * 1000))


def _square(said: dict[str, str]) -> tuple[int, int]:
    width, height = (int(side) for side in (said["upright_wxh"] or "0x0").split("x"))
    over, under = (said["sar"] or "1:1").split(":")
    aspect = Fraction(int(over), int(under))
    return round(width * max(aspect, Fraction(1))), round(height / min(aspect, Fraction(1)))
