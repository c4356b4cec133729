import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.facts import Limits, Probe
from media.packets import Packets, Track
from media.probe import judge, probe, refuse, refuse_bytes
from media.problems import PROBLEMS, MediaProblem
from tests.clips import TOOLS, clip, ffmpeg


async def facts(name: str, **limits: int) -> Probe:
    return await probe(clip(name), binaries=TOOLS.binaries, limits=Limits(**limits))


async def refusal(path: Path, **limits: int) -> MediaProblem:
    with pytest.raises(MediaProblem) as raised:
        await probe(path, binaries=TOOLS.binaries, limits=Limits(**limits))
    return raised.value


async def test_an_ordinary_video_is_described_by_what_is_in_it() -> None:
    found = await facts("plain.mp4")
    assert (found.codec, found.width, found.height, found.duration_ms) == ("h264", 320, 240, 2000)
    assert (found.frames, found.frame_rate, found.longest_gop_ms) == (50, 25.0, 2000)
    assert found.audio is not None
    assert (found.audio.codec, found.audio.sample_rate) == ("aac", 48000)
    assert found.upright
    assert not found.has_location


async def test_a_portrait_video_is_measured_as_it_is_seen() -> None:
    found = await facts("portrait.mp4")
    assert (found.width, found.height) == (240, 320)
    assert (found.coded_width, found.coded_height) == (320, 240)
    assert found.rotation == 90
    assert not found.upright


async def test_pixels_that_are_not_square_count_by_their_width() -> None:
    found = await facts("wide_pixels.mp4")
    assert (found.width, found.height) == (640, 240)
    assert not found.square_pixels


async def test_a_recording_without_a_duration_is_measured_by_its_packets() -> None:
    assert abs((await facts("recorded.webm")).duration_ms - 2000) < 50


async def test_a_video_without_sound_has_none() -> None:
    assert (await facts("silent.mp4")).audio is None


async def test_a_place_in_the_metadata_is_noticed() -> None:
    assert (await facts("placed.mov")).has_location


@pytest.mark.parametrize(("name", "transfer"), [("hlg.mp4", "hlg"), ("pq.mp4", "pq"), ("plain.mp4", "sdr")])
async def test_high_dynamic_range_is_told_apart(name: str, transfer: str) -> None:
    found = await facts(name)
    assert found.transfer == transfer
    assert found.bit_depth == (8 if transfer == "sdr" else 10)


async def test_an_irregular_frame_rate_is_noticed() -> None:
    assert (await facts("irregular.mp4")).variable_frame_rate
    assert not (await facts("plain.mp4")).variable_frame_rate


async def test_a_picture_that_starts_after_the_sound_is_late_by_so_much() -> None:
    found = await facts("late_picture.mp4")
    assert abs(found.start_ms - 700) < 50
    assert abs(found.duration_ms - 2700) < 50


async def test_a_clock_that_begins_late_hides_no_missing_end() -> None:
    found = await facts("late_clock.mkv")
    assert abs(found.duration_ms - 2000) < 50
    assert (found.start_ms < 50, found.frames) == (True, 50)


async def test_groups_that_refer_to_the_one_before_are_open() -> None:
    assert not (await facts("open_gop.mp4")).closed_gops
    assert (await facts("plain.mp4")).closed_gops


async def test_fields_make_a_video_interlaced() -> None:
    assert (await facts("interlaced.mp4")).interlaced


async def test_facts_survive_json() -> None:
    found = await facts("plain.mp4")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Probe) == found


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("empty.mp4", "empty_file"),
        ("text.mp4", "not_media"),
        ("page.mp4", "not_media"),
        ("playlist.mp4", "unsupported_container"),
        ("sibling.mp4", "unsupported_container"),
        ("manifest.mp4", "unsupported_container"),
        ("drawing.mp4", "unsupported_container"),
        ("audio.m4a", "no_video_track"),
        ("cover.m4a", "no_video_track"),
        ("encrypted.mp4", "encrypted"),
        ("one_frame_100h.mp4", "too_long"),
        ("huge_picture.mp4", "too_many_pixels"),
        ("half.mp4", "truncated"),
        ("no_index.mp4", "truncated"),
    ],
)
async def test_what_cannot_be_used_is_refused_with_its_reason(name: str, code: str) -> None:
    problem = await refusal(clip(name))
    assert problem.code == code
    assert problem.message == PROBLEMS[code].message
    assert not problem.retryable


async def test_noise_is_no_video(tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(random.Random(1).randbytes(65_536))
    assert (await refusal(noise)).code == "not_media"


async def test_a_hidden_playlist_reaches_no_other_file_even_past_the_first_look(tmp_path: Path) -> None:
    ffmpeg("-i", str(clip("plain.mp4")), "-c", "copy", str(tmp_path / "victim.ts"))
    script = tmp_path / "script.mp4"
    script.write_text("# a comment first\nffconcat version 1.0\nfile victim.ts\n")
    assert (await refusal(script)).code in ("not_media", "unsupported_container")


async def test_limits_are_those_of_the_caller() -> None:
    assert (await refusal(clip("plain.mp4"), max_duration_ms=1000)).code == "too_long"
    assert (await refusal(clip("recorded.webm"), max_duration_ms=1000)).code == "too_long"
    assert (await refusal(clip("plain.mp4"), max_pixels=100)).code == "too_many_pixels"
    assert (await refusal(clip("plain.mp4"), max_bytes=100)).code == "too_large"


async def test_several_files_are_read_at_once() -> None:
    found = await asyncio.gather(*(facts("plain.mp4") for _ in range(4)))
    assert len(set(found)) == 1


def header(*streams: dict[str, Any], duration: str = "2.0") -> dict[str, Any]:
    return {"format": {"format_name": "mov", "duration": duration}, "streams": list(streams)}


def video(**said: Any) -> dict[str, Any]:
    return {"index": 0, "codec_type": "video", "codec_name": "h264", "width": 320, "height": 240, **said}


def code(problem: MediaProblem | None) -> str | None:
    return problem.code if problem else None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (header(video()), None),
        (header(), "no_video_track"),
        (header(video(disposition={"attached_pic": 1})), "no_video_track"),
        (header(video(codec_tag_string="encv")), "encrypted"),
        (header(video(tags={"enc_key_id": "x"})), "encrypted"),
        (header(video(width=30_000, height=30_000)), "too_many_pixels"),
        (header(video(), duration="360000"), "too_long"),
        (header(video(duration="360000")), "too_long"),
        (header(video(), duration="nan"), None),
        (header(video(), duration="N/A"), None),
        (header(*[video()] * 17), "unsupported_container"),
        (header(video(codec_name=None)), "unsupported_codec"),
        (header(video(width=0, height=0)), "unsupported_codec"),
    ],
)
def test_a_header_is_judged_by_what_it_claims(found: dict[str, Any], expected: str | None) -> None:
    assert code(refuse(found, Limits())) == expected


@pytest.mark.parametrize("head", [b"#EXTM3U\n", b"\xef\xbb\xbf#EXTM3U", b"\n\n ffconcat version 1.0", b"<?xml ?><MPD"])
def test_what_names_other_files_is_refused_by_its_first_bytes(head: bytes) -> None:
    assert code(refuse_bytes(len(head), head, Limits())) == "unsupported_container"


def frames(seconds: float, rate: int = 25) -> Track:
    track = Track()
    for number in range(round(seconds * rate)):
        track.add(number / rate, 1 / rate, 100, keyframe=number % rate == 0)
    return track


def test_a_video_without_frames_is_damaged() -> None:
    with pytest.raises(MediaProblem) as raised:
        judge(header(video(), duration="0"), Packets({}), 1000, Limits())
    assert raised.value.code == "corrupt"


def test_a_claim_a_little_off_is_no_truncation() -> None:
    assert judge(header(video(duration="2.4")), Packets({0: frames(2)}), 1000, Limits()).duration_ms == 2000


def test_a_claim_far_off_is() -> None:
    with pytest.raises(MediaProblem) as raised:
        judge(header(video(duration="10")), Packets({0: frames(2)}), 1000, Limits())
    assert raised.value.code == "truncated"


def test_the_word_of_the_demuxer_makes_a_small_gap_a_truncation() -> None:
    whole = Packets({0: frames(2)})
    cut = replace(whole, tail="stream 0, offset 0x2588: partial file")
    assert judge(header(video(duration="2.6")), whole, 1000, Limits()).duration_ms == 2000
    with pytest.raises(MediaProblem):
        judge(header(video(duration="2.6")), cut, 1000, Limits())


def test_longer_subtitles_do_not_make_a_video_look_cut() -> None:
    packets = Packets({0: frames(2), 5: frames(9)})
    assert judge(header(video(), duration="9.0"), packets, 1000, Limits()).duration_ms == 2000
