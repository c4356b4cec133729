from pathlib import Path

import pytest

from media.clips import Range, make_clip
from media.facts import Probe
from media.packets import Track, scan
from media.playlists import rendition_index
from media.probe import probe
from tests.clips import TOOLS
from tests.kinds import kind

PLAYLIST = (
    '#EXTM3U\n#EXT-X-MAP:URI="a.m4s",BYTERANGE="800@0"\n#EXTINF:4.000000,\n#EXT-X-BYTERANGE:100@800\na.m4s\n'
    "#EXTINF:1.380000,\n#EXT-X-BYTERANGE:100@900\na.m4s\n#EXT-X-ENDLIST\n"
)


def track(*times: float) -> Track:
    made = Track()
    for time in times:
        made.add(time, 0.04, 100, keyframe=time == 0)
    return made


def test_of_two_pictures_at_one_moment_one_is_seen() -> None:
    """VP9 keeps one that is never shown, as a packet of its own."""
    found = track(0.0, 0.041, 0.042, 0.083, 0.125, 0.125)
    assert found.frames() == 4
    assert not found.is_variable()
    assert found.frame_rate() == pytest.approx(24, abs=0.1)


async def test_what_was_trimmed_on_a_phone_is_known_and_not_counted() -> None:
    found = await probe(kind("trimmed.mp4"), binaries=TOOLS.binaries)
    assert (found.trimmed, found.frames, (await scan(kind("trimmed.mp4"), TOOLS.binaries)).track(0).hidden) == (
        True,
        92,
        8,
    )
    assert not (await probe(kind("plain.mp4"), binaries=TOOLS.binaries)).trimmed


async def test_frames_of_an_avi_which_says_not_when_they_are_shown_are_all_counted() -> None:
    found = await probe(kind("mpeg4.avi"), binaries=TOOLS.binaries)
    assert (found.frames, found.frame_rate, found.variable_frame_rate) == (100, 25.0, False)


def lasting(last_frame_ms: int | None, video_ms: int = 4000) -> Probe:
    return Probe(
        container="mov",
        size_bytes=1,
        duration_ms=video_ms,
        video_index=0,
        codec="h264",
        video_ms=video_ms,
        last_frame_ms=last_frame_ms,
        frame_rate=25.0,
        width=2,
        height=2,
        coded_width=2,
        coded_height=2,
    )


@pytest.mark.parametrize(("last_frame_ms", "holds"), [(3960, False), (3840, False), (3100, True), (None, False)])
def test_a_last_frame_that_is_shown_for_long_is_held(last_frame_ms: int | None, *, holds: bool) -> None:
    assert lasting(last_frame_ms).holds_last is holds


def test_the_last_segment_lasts_until_the_end() -> None:
    assert [one.duration_s for one in rendition_index(PLAYLIST, b"").segments] == [4.0, 1.38]
    assert [one.duration_s for one in rendition_index(PLAYLIST, b"", lasts_s=4.68).segments] == [4.0, 0.68]


async def test_a_clip_that_begins_where_its_video_ends_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no range"):
        await make_clip([Range(kind("plain.mp4"), 4100, 4400)], tmp_path, TOOLS)
