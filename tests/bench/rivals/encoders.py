"""How two others make the same rungs of a video: the argument lists they give to ffmpeg, as their public code has them.

PeerTube 7: a process a rung, `-preset veryfast` under a cap, and full decodes for the thumbnail and the storyboard.
MediaCMS 5: a process a profile, `-preset medium -crf 23`, keyframes every four seconds, nothing copied.
Each is given the same program and machine as ours. What a phone records has more bits than PeerTube copies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Argv = list[str]
PEERTUBE_BITS = {1080: 5_210_000, 720: 3_040_000, 360: 1_040_000}


@dataclass(frozen=True)
class Clip:
    """A portrait source to be made ready, and the short sides of its rungs."""

    path: Path
    frame_rate: int
    sides: tuple[int, ...]


Rival = Callable[[str, Clip, Path], list[tuple[str, Argv]]]
"""From the program, a clip and a folder: each process in turn, with the name of the rung it makes, or nothing."""


def peertube(ffmpeg: str, clip: Clip, folder: Path) -> list[tuple[str, Argv]]:
    start = [ffmpeg, "-y", "-v", "error", "-i", str(clip.path)]
    made = [(str(side), [*start, *_peertube_rung(clip, side), *_hls(folder / str(side))]) for side in clip.sides]
    thumbnail = ["-vf", "thumbnail", "-frames:v", "1", str(folder / "thumbnail.jpg")]
    sprite = ["-vf", "fps=1,scale=90:160,tile=10x10", "-frames:v", "1", str(folder / "storyboard.jpg")]
    return [*made, ("", [*start, *thumbnail]), ("", [*start, *sprite])]


def _peertube_rung(clip: Clip, side: int) -> Argv:
    bits, rate = PEERTUBE_BITS[side], clip.frame_rate
    return [
        *("-vf", f"scale=w={side}:h=-2", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "veryfast"),
        *("-maxrate", str(bits), "-bufsize", str(2 * bits), "-b_strategy", "1", "-bf", "16"),
        *("-r", str(rate), "-g", str(2 * rate), "-c:a", "aac", "-b:a", "128k"),
    ]


def _hls(stem: Path) -> Argv:
    return [
        *("-f", "hls", "-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod"),
        *("-hls_segment_type", "fmp4", "-hls_flags", "single_file"),
        *("-hls_segment_filename", f"{stem}.m4s", f"{stem}.m3u8"),
    ]


def mediacms(ffmpeg: str, clip: Clip, folder: Path) -> list[tuple[str, Argv]]:
    """Its smallest profile comes first, which is when it plays soonest."""
    start = [ffmpeg, "-y", "-v", "error", "-i", str(clip.path)]
    keyframes = ["-force_key_frames", "expr:gte(t,n_forced*4)"]
    return [
        (
            str(side),
            [
                *start,
                *("-vf", f"scale={side}:-2:flags=lanczos", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
                *("-preset", "medium", "-crf", "23", *keyframes, "-c:a", "aac", "-b:a", "128k"),
                *("-movflags", "+faststart", str(folder / f"{side}.mp4")),
            ],
        )
        for side in sorted(clip.sides)
    ]
