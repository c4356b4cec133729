"""What every output must be before it is believed."""

from collections.abc import Mapping, Sequence

from media.facts import Probe
from media.packets import Track
from media.playlists import RenditionIndex
from media.problems import MediaProblem

TOLERANCE_MS = 500
KEYFRAME_TOLERANCE_S = 0.005  # clocks of a copied and of an encoded track round differently


def expect(made: Probe, *, duration_ms: int, sound: bool) -> None:
    """As long as the source, with the tracks of the source. Raises MediaProblem."""
    if made.duration_ms < duration_ms - TOLERANCE_MS:
        raise MediaProblem("truncated", f"{made.duration_ms} ms came of {duration_ms}")
    if made.duration_ms > duration_ms + TOLERANCE_MS:
        raise MediaProblem("corrupt", f"{made.duration_ms} ms came of {duration_ms}")
    if sound and made.audio is None:
        raise MediaProblem("corrupt", "its sound was lost")


class Misaligned(MediaProblem):
    """Rungs between which a player could not switch."""

    def __init__(self, detail: str) -> None:
        super().__init__("processing_failed", detail)


def check_rungs(
    rungs: Mapping[str, tuple[Track, RenditionIndex]], *, video_ms: int, leader: Track | None = None
) -> None:
    """Each as long as the source's pictures, and all with the same keyframes, so that players may switch anywhere.

    `leader` is a rung that was there before.
    """
    for name, (track, index) in rungs.items():
        length_ms = round((track.end_s - track.start_s) * 1000)
        if not track.pts or length_ms < video_ms - TOLERANCE_MS:
            raise MediaProblem("truncated", f"{name}: {length_ms} ms came of {video_ms}")
        if abs(index.duration_ms - length_ms) > TOLERANCE_MS:
            raise MediaProblem("processing_failed", f"{name}: {length_ms} ms, its playlist says {index.duration_ms}")
    for name, (track, _) in rungs.items():
        leader = leader or track
        if not _same(leader.keyframes, track.keyframes):
            raise Misaligned(f"the keyframes of {name} are not those of the others")


def same_rhythm(times: Sequence[float], others: Sequence[float]) -> bool:
    """Whether they are the same but for where they begin."""
    first, other = min(times, default=0.0), min(others, default=0.0)
    return _same([time - first for time in times], [time - other for time in others])


def _same(times: Sequence[float], others: Sequence[float]) -> bool:
    return len(times) == len(others) and all(
        abs(time - other) <= KEYFRAME_TOLERANCE_S for time, other in zip(times, others, strict=True)
    )
