"""Real files from phones, browsers and old cameras, those that are quickly made; all of them by `make clips`."""

from pathlib import Path

import pytest

from tests.clips import mean_colour
from tests.manifest import HERE, row, rows
from tests.verdicts import wrong_with_clip
from tests.whole import make_whole

QUICK = [
    *["media__dolbyVision-hdr.MOV", "media__bbb_176x144_128kbps_15fps_h263.3gp", "media__bt601.mov"],
    *["media__bbb_mono_8kHz_12.2kbps_amrnb.3gp", "media__long_edit_list_audioonly.mp4"],
    *["media__iibbibb_editlist_videoonly.mp4", "media__fragmented_captions.mp4", "synth__zero.mp4"],
    *["media__sample_with_htc_rotation_track_name.mkv", "ExoPlayer__video_desks.3gp", "media__sample_av1.mkv"],
    *["ExoPlayer__bear-vp9-odd-dimensions.webm", "ExoPlayer__roadtrip-vp92-10bit.webm"],
    *["ExoPlayer__sample_mdat_too_long.mp4", "ExoPlayer__sample_android_slow_motion.mp4"],
    *["ExoPlayer__sample_partially_fragmented.mp4", "ExoPlayer__invalid-bitstream.webm"],
]


@pytest.mark.parametrize("name", QUICK)
async def test_a_clip_becomes_what_its_manifest_says(name: str, tmp_path: Path) -> None:
    assert await wrong_with_clip(row(name), tmp_path) == []


def test_each_clip_in_the_manifest_is_there() -> None:
    assert [one.path.name for one in rows() if not one.path.exists()] == []
    listed = {line.partition("\t")[0] for line in (HERE / "MANIFEST.tsv").read_text().splitlines()}
    assert {path.name for path in HERE.iterdir()} - listed == {"MANIFEST.tsv", "README.md"}
    assert set(QUICK) < listed


async def test_colours_of_a_phone_in_hlg_are_as_strong_as_they_were(tmp_path: Path) -> None:
    """Merely relabelled they would be grey: the same luma, and half the colour."""
    source = row("media__dolbyVision-hdr.MOV").path
    made = (await make_whole(source, tmp_path)).playable.playable
    before, after = mean_colour(source), mean_colour(made)
    assert abs(after[0] - before[0]) < 60
    assert max(abs(after[1] - 128), abs(after[2] - 128)) >= max(abs(before[1] - 128), abs(before[2] - 128))
