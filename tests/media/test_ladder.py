from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.facts import Audio, Probe
from media.ladder import (
    How,
    constant_rate,
    copyable,
    files,
    first_rung,
    max_bit_rate,
    planned,
    playable_streams,
    progressive_rung,
    remux_playable,
    rungs,
    tiles,
)

AAC = Audio(index=1, codec="aac", channels=2, sample_rate=48_000)
PHONE = Probe(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    size_bytes=9_000_000,
    duration_ms=10_000,
    video_ms=10_000,
    video_index=0,
    codec="h264",
    profile="High",
    level=40,
    width=1920,
    height=1080,
    coded_width=1920,
    coded_height=1080,
    frames=300,
    longest_gop_ms=1000,
    bit_rate=7_000_000,
    audio=AAC,
)


def like(**changes: object) -> Probe:
    return msgspec.structs.replace(PHONE, **changes)


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (like(), True),
        (like(audio=None), True),
        (like(pix_fmt="yuvj420p"), True),
        (like(codec="hevc", profile="Main"), False),
        (like(pix_fmt="yuv444p", profile="High 4:4:4 Predictive"), False),
        (like(pix_fmt="yuv420p10le", profile="High 10", bit_depth=10), False),
        (like(transfer="hlg"), False),
        (like(interlaced=True), False),
        (like(audio=Audio(index=1, codec="pcm_s16le", channels=1, sample_rate=48_000)), False),
    ],
)
def test_browsers_play_plain_h264_with_aac_as_it_is(probe: Probe, *, expected: bool) -> None:
    assert remux_playable(probe) is expected


def test_sound_alone_is_encoded_when_only_it_does_not_play() -> None:
    streams = playable_streams(like(audio=Audio(index=1, codec="opus", channels=2, sample_rate=48_000)))
    assert (streams.video, streams.audio) == ("copy", "encode")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), ["1080p 1920x1080", "720p 1280x720", "360p 640x360"]),
        ((1080, 1920), ["1080p 1080x1920", "720p 720x1280", "360p 360x640"]),
        ((3840, 2160), ["1080p 1920x1080", "720p 1280x720", "360p 640x360"]),
        ((1280, 720), ["720p 1280x720", "360p 640x360"]),
        ((642, 642), ["642p 642x642", "360p 360x360"]),
        ((854, 480), ["480p 854x480", "360p 640x360"]),
        ((640, 428), ["428p 640x428"]),
        ((176, 144), ["144p 176x144"]),
        ((161, 121), ["120p 160x120"]),
        ((1, 1), ["2p 2x2"]),
    ],
)
def test_rungs_go_down_from_the_source_and_keep_its_shape(size: tuple[int, int], expected: list[str]) -> None:
    made = rungs(like(width=size[0], height=size[1]))
    assert [f"{rung.name} {rung.width}x{rung.height}" for rung in made] == expected


@given(st.integers(16, 8000), st.integers(16, 8000))
def test_no_rung_is_above_the_source_and_all_are_even(width: int, height: int) -> None:
    probe = like(width=width, height=height)
    made = rungs(probe)
    assert 1 <= len(made) <= 3
    for rung in made:
        assert rung.width % 2 == rung.height % 2 == 0
        assert min(rung.width, rung.height) <= min(probe.short_side, 1080)
        assert max(rung.width, rung.height) <= min(max(width, height) + 1, 4096)


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "hevc"},
        {"upright": False},
        {"square_pixels": False},
        {"transfer": "hlg"},
        {"bit_rate": 12_000_000},
        {"longest_gop_ms": 4001},
        {"closed_gops": False},
        {"reordered": True},
        {"start_ms": 200},
        {"trimmed": True},
        {"last_frame_ms": 9_000},
        {"frame_rate": 120.0},
        {"width": 3840, "height": 2160},
        {"width": 1919},
        {"level": 60},
    ],
)
def test_the_top_rung_is_copied_only_when_players_may_switch_to_it(change: dict[str, object]) -> None:
    assert copyable(PHONE)
    assert rungs(PHONE)[0].how == "copy"
    assert rungs(like(**change))[0].how == "encode"


def test_a_copy_can_be_ruled_out() -> None:
    assert {rung.how for rung in rungs(PHONE, may_copy=False)} == {"encode"}


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (like(), None),
        (like(frame_rate=24.0), None),
        (like(frame_rate=24.0, start_ms=700), None),
        (like(frame_rate=14.8, variable_frame_rate=True), None),
        (like(frame_rate=59.94), None),
        (like(frame_rate=240.0), 60),
    ],
)
def test_frames_come_at_a_constant_rate_only_where_they_must(probe: Probe, expected: float | None) -> None:
    assert constant_rate(probe) == expected


def test_the_first_rung_is_the_smallest_of_the_ladder_and_encoded() -> None:
    assert (first_rung(like(width=2160, height=3840)).width, first_rung(PHONE).height) == (360, 360)
    small = first_rung(like(width=321, height=241))
    assert (small.height, small.how) == (240, "encode")


@pytest.mark.parametrize(
    ("probe", "how", "data_saver", "names"),
    [
        (like(), "copy", False, ["1080", "720", "360", "audio", "720p"]),
        (like(), "copy", True, ["1080", "720", "360", "audio", "720p", "360p"]),
        (like(audio=None), "copy", False, ["1080", "720", "360", "720p"]),
        (like(codec="hevc"), "encode", False, ["1080", "720", "360", "audio", "720p"]),
        (like(codec="hevc"), "encode", True, ["1080", "720", "360", "audio", "720p"]),  # it plays from 360p already
        (like(width=320, height=240), "copy", True, ["240", "audio", "240p"]),
        (like(width=320, height=240, codec="hevc"), "encode", True, ["240", "audio"]),
    ],
)
def test_what_is_wanted_of_a_video_is_known_before_it_is_made(
    probe: Probe, how: How, *, data_saver: bool, names: list[str]
) -> None:
    assert list(planned(probe, how, data_saver=data_saver)) == names


def test_the_best_file_comes_before_that_for_data_savers() -> None:
    assert [rung.name for rung in files(rungs(PHONE), "copy", data_saver=True)] == ["720p", "360p"]


def test_a_copied_rung_can_be_encoded_instead() -> None:
    assert rungs(PHONE)[0].encoded() == rungs(PHONE, may_copy=False)[0]


def test_the_mp4_is_made_of_720p_or_the_best_below() -> None:
    assert progressive_rung(rungs(PHONE)).name == "720p"
    assert progressive_rung(rungs(like(width=854, height=480))).name == "480p"
    assert progressive_rung(rungs(like(width=1440, height=900))).name == "720p"


@pytest.mark.parametrize(
    ("side", "bits"), [(120, 266_666), (360, 800_000), (540, 1_900_000), (720, 3_000_000), (1080, 5_000_000)]
)
def test_caps_lie_on_the_line_between_the_rungs(side: int, bits: int) -> None:
    assert max_bit_rate(side) == bits


@pytest.mark.parametrize(
    ("duration_ms", "count", "interval_ms"), [(500, 1, 2000), (9000, 5, 2000), (600_000, 50, 12_000)]
)
def test_a_storyboard_has_at_most_fifty_tiles(duration_ms: int, count: int, interval_ms: int) -> None:
    layout = tiles(like(duration_ms=duration_ms))
    assert (layout.count, layout.interval_ms) == (count, interval_ms)
    assert layout.columns * layout.rows >= count
    assert Fraction(layout.width, layout.height) == Fraction(16, 9)
