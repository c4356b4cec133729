"""What no browser plays as it is: the smallest rung first, and the rest of the ladder beside it."""

from pathlib import Path

import msgspec
import pytest

from media.climb import Rendition
from media.facts import Probe
from media.ladder import planned
from media.packets import scan
from media.pipeline import LadderResult, Made, Wanted, make_first, make_ladder
from media.playlists import AUDIO, master_playlist, media_playlist
from media.probe import probe
from tests.clips import TOOLS, beeps_ms, clip, ffmpeg, frames_luma
from tests.media.test_pipeline import picture_size

PRIMING_MS = 25  # of AAC: read as bare samples, a stream has them in front


async def facts(name: str) -> Probe:
    return await probe(clip(name), binaries=TOOLS.binaries)


async def first(name: str, folder: Path) -> Made:
    return await make_first(clip(name), await facts(name), folder, TOOLS)


async def rest(name: str, made: Made, folder: Path) -> LadderResult:
    found = await facts(name)
    there = {one.name.removesuffix("p") for one in made.renditions}
    names = frozenset(planned(found, "encode", data_saver=False)) - there
    wanted = Wanted(names=names, how="encode", there=made.renditions, sound=made.sound)
    return await make_ladder(clip(name), found, folder, TOOLS, wanted=wanted)


def played(renditions: list[Rendition], folder: Path) -> Path:
    """Play them by the playlists that we write, the best picture there is."""
    for one in renditions:
        (folder / f"ours-{one.name}.m3u8").write_text(media_playlist(one.index, one.path.name))
    pictures = {one.name: one.index for one in renditions if one.name != AUDIO}
    sound = next(one.index for one in renditions if one.name == AUDIO)
    urls = {one.name: f"ours-{one.name}.m3u8" for one in renditions}
    (folder / "ours.m3u8").write_text(master_playlist(pictures, sound, urls))
    ffmpeg("-i", str(folder / "ours.m3u8"), "-map", "0:v", "-map", "0:a", "-c", "copy", str(folder / "played.mkv"))
    return folder / "played.mkv"


async def test_the_smallest_rung_and_the_sound_play_at_once_as_a_file_and_by_hls(tmp_path: Path) -> None:
    made = await first("phone.mov", tmp_path)
    assert [one.name for one in made.renditions] == ["360p", AUDIO]
    assert (made.how, made.facts.width, made.facts.height) == ("encode", 480, 360)
    assert picture_size(made.poster) == (480, 360)
    assert made.sound is not None
    assert beeps_ms(made.playable) == pytest.approx(beeps_ms(clip("phone.mov")), abs=5)
    hls = played(list(made.renditions), tmp_path)
    assert beeps_ms(hls) == pytest.approx(beeps_ms(clip("phone.mov")), abs=PRIMING_MS)
    for path in (made.playable, hls):
        assert frames_luma(path) == pytest.approx(frames_luma(clip("phone.mov")), abs=8)


async def test_the_ladder_makes_the_rest_in_line_and_in_step_and_nothing_twice(tmp_path: Path) -> None:
    made = await first("phone.mov", tmp_path)
    before = {one.name: one.path.read_bytes() for one in made.renditions}
    climbed = await rest("phone.mov", made, tmp_path)
    assert ([one.name for one in climbed.renditions], climbed.failed) == (["432p"], {})
    assert {one.name: one.path.read_bytes() for one in made.renditions} == before
    tracks = [(await scan(one.path, TOOLS.binaries)).track(0) for one in (climbed.renditions[0], made.renditions[0])]
    assert tracks[0].keyframes.tolist() == pytest.approx(tracks[1].keyframes.tolist(), abs=0.001)
    assert sorted(tracks[0].pts) == pytest.approx(sorted(tracks[1].pts), abs=0.001)
    cuts = [[cut.duration_s for cut in one.index.segments] for one in (climbed.renditions[0], made.renditions[0])]
    assert cuts[0] == pytest.approx(cuts[1], abs=0.001)
    assert [file.name for file in climbed.files] == ["432p"]
    assert beeps_ms(climbed.progressive) == pytest.approx(beeps_ms(clip("phone.mov")), abs=5)
    hls = played([*climbed.renditions, made.renditions[-1]], tmp_path)
    assert beeps_ms(hls) == pytest.approx(beeps_ms(clip("phone.mov")), abs=PRIMING_MS)
    for path in (climbed.progressive, hls):
        assert frames_luma(path) == pytest.approx(frames_luma(clip("phone.mov")), abs=8)
    assert climbed.poster is not None
    assert picture_size(climbed.poster) == (576, 432)


async def test_a_container_whose_clock_begins_with_the_sound_lines_up_as_well(tmp_path: Path) -> None:
    made = await first("broadcast.ts", tmp_path)
    climbed = await rest("broadcast.ts", made, tmp_path)
    assert [one.name for one in climbed.renditions] == ["432p"]


async def test_two_frames_line_up_as_well(tmp_path: Path) -> None:
    made = await first("blink.mp4", tmp_path)
    assert [one.name for one in (await rest("blink.mp4", made, tmp_path)).renditions] == ["432p"]


async def test_rungs_that_cannot_line_up_with_the_first_are_all_made_anew(tmp_path: Path) -> None:
    made = await first("blink.mp4", tmp_path)
    there = (msgspec.structs.replace(made.renditions[0], path=clip("two_rungs.mp4")), made.renditions[1])
    climbed = await rest("blink.mp4", msgspec.structs.replace(made, renditions=there), tmp_path)
    assert [one.name for one in climbed.renditions] == ["432p", "360p", AUDIO]
    assert climbed.failed == {}


async def test_a_video_smaller_than_all_rungs_is_whole_with_the_first(tmp_path: Path) -> None:
    made = await first("hevc.mp4", tmp_path)
    climbed = await rest("hevc.mp4", made, tmp_path)
    assert (climbed.renditions, climbed.files, climbed.failed) == ((), (), {})
    assert climbed.storyboard is not None


async def test_a_file_for_data_savers_is_muxed_beside_the_best_one(tmp_path: Path) -> None:
    found = await facts("two_rungs.mp4")
    names = frozenset(planned(found, "copy", data_saver=True))
    wanted = Wanted(names=names, how="copy", data_saver=True)
    climbed = await make_ladder(clip("two_rungs.mp4"), found, tmp_path, TOOLS, wanted=wanted)
    assert [(file.name, file.data_saver, file.facts.height) for file in climbed.files] == [
        ("432p", False, 432),
        ("360p", True, 360),
    ]
