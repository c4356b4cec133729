from pathlib import Path

import pytest

from media.checks import check_rungs, expect
from media.facts import Probe
from media.packets import scan
from media.pipeline import LadderResult, Made, make_ladder, make_playable
from media.playlists import AUDIO, master_playlist, media_playlist
from media.probe import probe
from media.problems import MediaProblem
from media.sound import gain_for
from tests.clips import TOOLS, beeps_ms, clip, ffmpeg, frames_luma, mean_colour


async def facts(path: Path) -> Probe:
    return await probe(path, binaries=TOOLS.binaries)


async def playable(name: str, folder: Path) -> Made:
    return await make_playable(clip(name), await facts(clip(name)), folder, TOOLS)


async def ladder(name: str, folder: Path) -> LadderResult:
    return await make_ladder(clip(name), await facts(clip(name)), folder, TOOLS)


def box_order(path: Path) -> list[str]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        names.append(data[at + 4 : at + 8].decode())
        at += size if size > 1 else len(data)
    return names


def picture_size(path: Path) -> tuple[int, int]:
    """Of a JPEG, from its frame header."""
    data = path.read_bytes()
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)
    return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")


@pytest.mark.parametrize("name", ["plain.mp4", "silent.mp4", "portrait.mp4", "late_picture.mp4", "wide_pixels.mp4"])
async def test_what_browsers_play_is_copied_with_its_index_in_front(name: str, tmp_path: Path) -> None:
    made = await playable(name, tmp_path)
    assert made.how == "copy"
    order = box_order(made.playable)
    assert order.index("moov") < order.index("mdat")
    source = await facts(clip(name))
    assert (made.facts.width, made.facts.height) == (source.width, source.height)
    assert (made.facts.audio is None) == (source.audio is None)
    assert abs(made.facts.duration_ms - source.duration_ms) < 100


async def test_sound_that_browsers_do_not_play_is_encoded_beside_copied_pictures(tmp_path: Path) -> None:
    made = await playable("pcm.mov", tmp_path)
    assert made.how == "copy"
    assert made.facts.audio is not None
    assert made.facts.audio.codec == "aac"


@pytest.mark.parametrize(
    "name",
    ["hevc.mp4", "hlg.mp4", "pq.mp4", "av1.mp4", "recorded.webm", "odd.mp4", "interlaced.mp4"],
)
async def test_what_browsers_do_not_play_is_encoded_once(name: str, tmp_path: Path) -> None:
    made = await playable(name, tmp_path)
    found = made.facts
    assert made.how == "encode"
    assert (found.codec, found.pix_fmt, found.transfer, found.interlaced) == ("h264", "yuv420p", "sdr", False)
    assert (found.width % 2, found.height % 2) == (0, 0)
    assert abs(found.duration_ms - (await facts(clip(name))).duration_ms) < 100


async def test_a_poster_is_upright(tmp_path: Path) -> None:
    made = await playable("portrait.mp4", tmp_path)
    assert picture_size(made.poster) == (240, 320)


async def test_a_place_never_reaches_what_is_served(tmp_path: Path) -> None:
    made = await playable("placed.mov", tmp_path)
    assert not made.facts.has_location
    climbed = await ladder("placed.mov", tmp_path)
    for path in (made.playable, made.poster, climbed.progressive, *(one.path for one in climbed.renditions)):
        assert b"+48.1374" not in path.read_bytes()


async def test_pictures_that_do_not_decode_make_a_video_damaged(tmp_path: Path) -> None:
    with pytest.raises(MediaProblem) as raised:
        await playable("garbled.mp4", tmp_path)
    assert raised.value.code == "corrupt"


async def test_white_paper_in_pq_is_white_and_not_grey(tmp_path: Path) -> None:
    made = await playable("pq_white.mp4", tmp_path)
    assert mean_colour(clip("pq_white.mp4"))[0] < 150
    assert mean_colour(made.playable)[0] > 170


async def test_colours_in_hlg_are_not_washed_out(tmp_path: Path) -> None:
    made = await playable("hlg_red.mp4", tmp_path)
    _, _, red = mean_colour(clip("hlg_red.mp4"))
    _, _, mapped = mean_colour(made.playable)
    assert mapped - 128 > 1.2 * (red - 128)


async def test_a_ladder_has_rungs_that_line_up(tmp_path: Path) -> None:
    told: list[float] = []
    source = clip("hd.mp4")
    climbed = await make_ladder(source, await facts(source), tmp_path, TOOLS, told.append)
    assert [one.name for one in climbed.renditions] == ["720p", "360p", AUDIO]
    top, low, sound = climbed.renditions
    assert (top.width, top.height, low.width, low.height) == (1280, 720, 640, 360)
    tracks = [(await scan(one.path, TOOLS.binaries)).track(0) for one in (top, low)]
    assert tracks[0].keyframes.tolist() == pytest.approx(tracks[1].keyframes.tolist(), abs=0.005)
    for one in climbed.renditions:
        last = one.index.segments[-1]
        assert last.offset + last.length <= one.path.stat().st_size
        assert abs(one.index.duration_ms - 4000) < 100
    assert sound.index.codecs == "mp4a.40.2"
    assert climbed.sound.loudness_lufs is not None
    assert -30 < climbed.sound.loudness_lufs < -5
    assert told == sorted(told)
    assert told[-1] > 0.9


async def test_a_ladder_plays_by_the_playlists_we_write(tmp_path: Path) -> None:
    climbed = await ladder("counted.mp4", tmp_path)
    pictures = {one.name: one.index for one in climbed.renditions if one.name != AUDIO}
    for one in climbed.renditions:
        (tmp_path / f"ours-{one.name}.m3u8").write_text(media_playlist(one.index, one.path.name))
    urls = {one.name: f"ours-{one.name}.m3u8" for one in climbed.renditions}
    sound = next(one.index for one in climbed.renditions if one.name == AUDIO)
    (tmp_path / "ours.m3u8").write_text(master_playlist(pictures, sound, urls))
    played = tmp_path / "played.mkv"
    ffmpeg("-i", str(tmp_path / "ours.m3u8"), "-map", "0:v", "-map", "0:a", "-c", "copy", str(played))
    assert len(frames_luma(played)) == 100
    assert len(beeps_ms(played)) == 4


async def test_the_mp4_has_picture_and_sound_in_step(tmp_path: Path) -> None:
    climbed = await ladder("counted.mp4", tmp_path)
    assert climbed.progressive.name == "240p.mp4"
    assert beeps_ms(climbed.progressive) == pytest.approx(beeps_ms(clip("counted.mp4")), abs=5)
    before, after = frames_luma(clip("counted.mp4")), frames_luma(climbed.progressive)
    assert after == pytest.approx(before, abs=8)


async def test_a_picture_that_starts_late_is_held_from_the_beginning(tmp_path: Path) -> None:
    climbed = await ladder("late_picture.mp4", tmp_path)
    assert abs(climbed.renditions[0].index.duration_ms - 2720) < 100


async def test_silence_is_left_alone(tmp_path: Path) -> None:
    climbed = await ladder("quiet.mp4", tmp_path)
    assert climbed.sound.gain_db == 0
    assert set(climbed.sound.waveform) == {0}


async def test_a_video_without_sound_has_a_ladder_without_it(tmp_path: Path) -> None:
    climbed = await ladder("silent.mp4", tmp_path)
    assert [one.name for one in climbed.renditions] == ["240p"]
    assert climbed.sound.loudness_lufs is None
    assert climbed.progressive_facts.audio is None


@pytest.mark.parametrize("name", ["portrait.mp4", "irregular.mp4", "hlg.mp4", "recorded.webm", "open_gop.mp4"])
async def test_awkward_videos_have_a_ladder_too(name: str, tmp_path: Path) -> None:
    climbed = await ladder(name, tmp_path)
    source = await facts(clip(name))
    top = climbed.renditions[0]
    assert (top.width, top.height) == (source.width, source.height)
    assert climbed.progressive_facts.upright
    assert abs(climbed.progressive_facts.duration_ms - source.duration_ms) < 150


async def test_a_storyboard_shows_the_video_in_tiles(tmp_path: Path) -> None:
    climbed = await ladder("counted.mp4", tmp_path)
    assert climbed.storyboard is not None
    layout = climbed.tiles
    assert layout.count == 2
    assert picture_size(climbed.storyboard) == (layout.columns * layout.width, layout.rows * layout.height)


async def test_a_waveform_shows_when_there_is_sound(tmp_path: Path) -> None:
    peaks = (await ladder("counted.mp4", tmp_path)).sound.waveform
    assert len(peaks) in (40, 41)
    assert [second for second in range(4) if peaks[10 * second] > 50] == [0, 1, 2, 3]
    assert max(peaks[4:9]) < 5


@pytest.mark.parametrize(
    ("loudness_lufs", "gain_db"),
    [(None, 0), (-70.0, 0), (-16.0, 0), (-8.5, -7.5), (-20.0, 4.0), (-40.0, 24.0), (-60.0, 30.0)],
)
def test_gain_brings_speech_to_where_it_is_easy_to_hear(loudness_lufs: float | None, gain_db: float) -> None:
    assert gain_for(loudness_lufs) == gain_db


async def test_an_output_shorter_than_its_source_is_not_believed() -> None:
    made = await facts(clip("plain.mp4"))
    expect(made, duration_ms=2400, sound=True)
    for duration_ms, code in ((3000, "truncated"), (1000, "corrupt")):
        with pytest.raises(MediaProblem) as raised:
            expect(made, duration_ms=duration_ms, sound=True)
        assert raised.value.code == code


async def test_rungs_whose_keyframes_differ_are_not_believed(tmp_path: Path) -> None:
    climbed = await ladder("silent.mp4", tmp_path)
    index = climbed.renditions[0].index
    one = (await scan(clip("silent.mp4"), TOOLS.binaries)).track(0)
    other = (await scan(clip("open_gop.mp4"), TOOLS.binaries)).track(0)
    check_rungs({"a": (one, index), "b": (one, index)}, video_ms=2000)
    with pytest.raises(MediaProblem):
        check_rungs({"a": (one, index), "b": (other, index)}, video_ms=2000)
