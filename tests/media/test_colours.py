"""What is encoded shows the colours of its source, and says truly how; what is copied goes on saying what it said."""

from pathlib import Path

import pytest

from tests.clips import BT2020, H264, PICTURE, SOUND, TEN_BIT, clip, ffmpeg, mean_colour
from tests.colours import SDR, Colours, colours
from tests.manifest import HERE, row
from tests.whole import Whole, make_whole

OLD = ["-colorspace", "smpte170m", "-color_primaries", "bt470bg", "-color_trc", "smpte170m", "-color_range", "pc"]
X265 = [*["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p"], "-x265-params", "log-level=none"]
LARGER = ["-vf", "scale=640:480,setparams=range=pc:colorspace=smpte170m:color_primaries=bt470bg:color_trc=smpte170m"]
SCREEN = (
    "log-level=none:hdr10=1:repeat-headers=1:max-cll=1000,400:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
)
WIDE = "color=s=320x240:r=25:d=0.4,format=yuv420p,geq=lum=80:cb=110:cr=180"


def made(path: Path, *options: str) -> Path:
    ffmpeg(*options, str(path))
    return path


def encoded(whole: Whole) -> dict[str, Colours]:
    """Return what each file says whose pictures were made here."""
    copied = {whole.playable.playable} if whole.playable.how == "copy" else set()
    paths = {*(one.path for one in whole.rungs), *(one.path for one in whole.ladder.files), whole.playable.playable}
    paths |= {one.path for one in whole.clips.values()}
    return {path.name: colours(path) for path in paths - copied}


@pytest.mark.parametrize(
    "name", ["media__dolbyVision-hdr.MOV", "media__hlg10-color-test.mp4", "media__sample_av1.mkv", "media__bt601.mov"]
)
async def test_what_a_phone_recorded_is_sdr_afterwards_and_says_nothing_else(name: str, tmp_path: Path) -> None:
    source = row(name).path if row(name).path.exists() else HERE / name
    whole = await make_whole(source, tmp_path)
    await whole.cut(0, 100)
    assert encoded(whole) == dict.fromkeys(encoded(whole), SDR)


async def test_the_note_that_was_seen_to_stay_is_in_the_clip_it_is_tested_with() -> None:
    assert "Ambient viewing environment" in colours(HERE / "media__dolbyVision-hdr.MOV").notes


async def test_what_a_source_says_of_the_screen_it_was_made_on_is_not_said_of_ours(tmp_path: Path) -> None:
    pq = ["-vf", f"{BT2020}:color_trc=smpte2084", *TEN_BIT, "-x265-params", SCREEN]
    source = made(tmp_path / "screen.mp4", *PICTURE, *pq)
    assert "Mastering display metadata" in colours(source).notes
    (tmp_path / "made").mkdir()
    whole = await make_whole(source, tmp_path / "made")
    assert encoded(whole) == dict.fromkeys(encoded(whole), SDR)


async def test_the_full_range_of_an_android_phone_is_brought_to_ours(tmp_path: Path) -> None:
    source = made(tmp_path / "android.mp4", *PICTURE, *SOUND, *LARGER, *X265, *OLD, "-c:a", "aac")
    assert ("pc", "smpte170m", "smpte170m", "bt470bg") in {
        (r, "smpte170m", t, p) for r, _, t, p in colours(source).said
    }
    (tmp_path / "made").mkdir()
    whole = await make_whole(source, tmp_path / "made")
    await whole.cut(200, 1200)
    assert (whole.playable.how, len(whole.clips)) == ("encode", 2)
    assert encoded(whole) == dict.fromkeys(encoded(whole), SDR)


async def test_a_copied_rung_says_what_its_source_says_and_those_made_beside_it_what_they_are(tmp_path: Path) -> None:
    # Without frames stored out of turn, or it would not be copied.
    source = made(tmp_path / "old.mp4", *PICTURE, *SOUND, *LARGER, *H264, "-bf", "0", *OLD, "-c:a", "aac")
    (tmp_path / "made").mkdir()
    whole = await make_whole(source, tmp_path / "made")
    top, below = whole.rungs
    assert (colours(top.path), colours(whole.playable.playable)) == (colours(source), colours(source))
    assert colours(source) != SDR
    assert colours(below.path) == SDR
    await whole.cut(200, 1200)
    assert {colours(one.path) for one in whole.clips.values()} == {SDR}


@pytest.mark.parametrize("primaries", ["bt2020", "smpte432"])
async def test_a_wide_gamut_does_not_turn_pale(primaries: str, tmp_path: Path) -> None:
    tags = f"setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries={primaries}"
    source = made(tmp_path / "wide.mp4", "-f", "lavfi", "-i", f"{WIDE},{tags}", *X265)
    assert {said[3] for said in colours(source).said} == {primaries}
    (tmp_path / "made").mkdir()
    whole = await make_whole(source, tmp_path / "made")
    assert encoded(whole) == dict.fromkeys(encoded(whole), SDR)
    (_, _, red), (_, _, kept) = mean_colour(source), mean_colour(whole.playable.playable)
    assert kept > red + 5


async def test_a_cut_of_what_says_nothing_keeps_the_colours_that_players_show(tmp_path: Path) -> None:
    """By its size players take it for BT.601, so its numbers change with the label."""
    source = made(tmp_path / "untagged.mp4", "-f", "lavfi", "-i", WIDE, *H264)
    assert colours(source).said == {("tv", "unknown", "unknown", "unknown")}
    (tmp_path / "made").mkdir()
    whole = await make_whole(source, tmp_path / "made")
    await whole.cut(0, 300)
    assert {colours(one.path) for one in whole.clips.values()} == {SDR}
    as_tagged = made(tmp_path / "tagged.mp4", "-f", "lavfi", "-i", f"{WIDE},scale=out_color_matrix=bt709", *H264)
    expected = mean_colour(as_tagged)
    assert {name: mean_colour(one.path) for name, one in whole.clips.items()} == {
        name: pytest.approx(expected, abs=3) for name in whole.clips
    }


def test_what_is_made_for_tests_elsewhere_says_its_colours() -> None:
    assert colours(clip("hlg.mp4")).said == {("tv", "bt2020nc", "arib-std-b67", "bt2020")}
