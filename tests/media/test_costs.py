"""What a video costs is bounded: it is refused beforehand, or cut off by a deadline that follows from its pictures."""

import time
from pathlib import Path

import msgspec
import pytest

from media import commands, ffmpeg
from media.costs import cost_s
from media.facts import Limits, Probe
from media.ladder import Streams
from media.packets import Packets, Track
from media.probe import judge, probe
from media.problems import MediaProblem
from media.workshop import ALL_WAYS, Work
from tests.clips import H264, TOOLS, clip
from tests.clips import ffmpeg as run_ffmpeg
from tests.media.test_ladder import like
from tests.media.test_probe import header, video

HOUR_S = 3600
EIGHT_K, FOUR_K, FULL_HD = (7680, 4320), (3840, 2160), (1920, 1080)


def judged(size: tuple[int, int], rate: int, seconds: int, *, allowed_s: int = 60, hidden: int = 0) -> Probe:
    """Judge a video of so many pictures a second, where as many seconds are allowed."""
    track = Track(hidden=hidden)
    for place in range(rate * seconds):
        track.add(place / rate, 1 / rate, 1000, keyframe=place % rate == 0)
    claimed = header(video(width=size[0], height=size[1]), duration=str(seconds))
    return judge(claimed, Packets({0: track}), 1_000_000, Limits(max_duration_ms=allowed_s * 1000))


@pytest.mark.parametrize(
    ("size", "rate", "seconds"),
    [
        (FOUR_K, 60, 60),
        ((4096, 2160), 60, 60),
        (FULL_HD, 240, 60),
        (FOUR_K, 120, 30),
        (EIGHT_K, 30, 30),
        (EIGHT_K, 24, 39),
    ],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else str(value),
)
def test_what_phones_record_is_taken(size: tuple[int, int], rate: int, seconds: int) -> None:
    assert judged(size, rate, seconds).decoded == rate * seconds


@pytest.mark.parametrize(
    ("size", "rate", "seconds"),
    [(EIGHT_K, 30, 60), (EIGHT_K, 60, 20), (FOUR_K, 120, 60)],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else str(value),
)
def test_more_pictures_of_a_size_than_the_longest_of_4k_has_are_refused(
    size: tuple[int, int], rate: int, seconds: int
) -> None:
    with pytest.raises(MediaProblem, match="pictures") as refused:
        judged(size, rate, seconds)
    assert (refused.value.code, refused.value.retryable) == ("too_much_work", False)


def test_pictures_that_are_not_shown_count_as_well() -> None:
    assert judged(FOUR_K, 30, 30, hidden=2000).decoded == 2900
    with pytest.raises(MediaProblem, match="too_much_work"):
        judged(FOUR_K, 30, 30, hidden=3000)


async def test_a_real_file_is_refused_before_anything_of_it_is_decoded(tmp_path: Path) -> None:
    one, many = tmp_path / "one.mp4", tmp_path / "many.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "color=s=7680x4320:r=25:d=0.04", *H264, str(one))
    run_ffmpeg("-stream_loop", "199", "-i", str(one), "-c", "copy", str(many))
    found = await probe(many, binaries=TOOLS.binaries, limits=Limits(max_duration_ms=20_000))
    assert (found.decoded, found.width) == (200, 7680)
    with pytest.raises(MediaProblem, match="too_much_work"):
        await probe(many, binaries=TOOLS.binaries, limits=Limits(max_duration_ms=9000))


def test_a_cost_follows_from_the_pictures_their_size_and_the_sound() -> None:
    long = like(frames=30 * HOUR_S, duration_ms=HOUR_S * 1000)
    tiny = msgspec.structs.replace(long, width=64, height=64, coded_width=64, coded_height=64)
    large = msgspec.structs.replace(long, width=3840, height=2160, coded_width=3840, coded_height=2160)
    bright, trimmed = (
        msgspec.structs.replace(large, transfer="hlg"),
        msgspec.structs.replace(large, decoded=10**6),
    )
    still = msgspec.structs.replace(long, frames=1)
    costs = [cost_s(one) for one in (still, tiny, long, large, bright, trimmed)]
    assert costs == sorted(costs)
    assert costs[0] < 0.1 * HOUR_S
    assert 2 * HOUR_S < costs[2] < 3 * HOUR_S


def test_a_deadline_leaves_a_slow_machine_time_and_a_claim_of_little_work_gets_little() -> None:
    measured_s = 0.042 * 30 * HOUR_S  # of an hour of 1080p, all rungs, one core
    hour = ffmpeg.encoding(cost_s(like(frames=30 * HOUR_S, duration_ms=HOUR_S * 1000)), 1)
    assert hour.wall_s > 6 * measured_s
    assert hour.cpu_s == hour.wall_s
    postcard = like(width=320, height=180, coded_width=320, coded_height=180, frames=HOUR_S, duration_ms=HOUR_S * 1000)
    assert ffmpeg.encoding(cost_s(postcard), 1).wall_s < 1200


async def test_all_ways_that_are_tried_share_one_deadline(tmp_path: Path) -> None:
    source = clip("plain.mp4")
    found = await probe(source, binaries=TOOLS.binaries)
    argv = commands.remux(source, found, Streams("copy", "copy"), "playable.mp4")
    late_s = ALL_WAYS * ffmpeg.encoding(cost_s(found), 1).wall_s
    await Work(source, found, tmp_path, TOOLS, time.monotonic() - late_s + 60).run(argv)
    with pytest.raises(MediaProblem, match="timed_out"):
        await Work(source, found, tmp_path, TOOLS, time.monotonic() - late_s).run(argv)
