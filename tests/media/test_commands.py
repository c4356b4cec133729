from pathlib import Path

import msgspec
import pytest

from media import commands
from media.commands import Cut, Ladder
from media.facts import Audio, Probe
from media.ladder import Rung, Streams, rungs, tiles

SAFE = [
    *["-format_whitelist", "mov,matroska,avi,mpegts,mp3,aac,ogg,wav,flv"],
    *["-max_alloc", "300000000", "-max_pixels", "35000000", "-max_streams", "16", "-protocol_whitelist", "file"],
]
START = ["-hide_banner", "-nostdin", "-v", "error", "-y"]
SOURCE = Path("/in/source")
PHONE = Probe(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    size_bytes=9_000_000,
    duration_ms=10_000,
    video_ms=10_000,
    video_index=1,
    codec="h264",
    profile="High",
    level=40,
    width=1280,
    height=720,
    coded_width=1280,
    coded_height=720,
    matrix="bt709",
    longest_gop_ms=1000,
    bit_rate=4_000_000,
    audio=Audio(index=0, codec="aac", channels=2, sample_rate=48_000),
)
SOUND = "[0:0]aresample=async=1:first_pts=0"


def like(**changes: object) -> Probe:
    return msgspec.structs.replace(PHONE, **changes)


def graph(argv: list[str]) -> str:
    return argv[argv.index("-filter_complex") + 1]


def after(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]


@pytest.mark.parametrize(
    "argv",
    [
        commands.header_args(SOURCE),
        commands.packets_args(SOURCE),
        commands.remux(SOURCE, PHONE, Streams("copy", "copy"), "o.mp4"),
        commands.transcode(SOURCE, PHONE, "o.mp4", threads=2),
        commands.poster(SOURCE, PHONE, "o.jpg", at_s=1),
        commands.loudness(SOURCE, 0, "wave.pcm"),
        commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE), 0, 2)),
        commands.progressive(SOURCE, SOURCE, "o.mp4", audio_ahead_s=0),
        commands.storyboard(SOURCE, tiles(PHONE), "o.jpg"),
        commands.clip([Cut(SOURCE, SOURCE, 0, 1000), Cut(SOURCE, Path("/in/a"), 5, 9)], (640, 360), "o.mp4", threads=2),
    ],
)
def test_every_file_is_opened_behind_the_allow_lists(argv: list[str]) -> None:
    inputs = [index for index, word in enumerate(argv) if word.startswith("file:/in/")]
    assert inputs
    before = 0
    for index in inputs:
        opening = argv[before:index]
        for flag, value in commands.SAFE.items():
            assert opening[opening.index(f"-{flag}") + 1] == str(value)
        before = index


def test_a_remux_copies_and_puts_the_index_in_front() -> None:
    assert commands.remux(SOURCE, PHONE, Streams("copy", "copy"), "playable.mp4") == [
        *START,
        *SAFE,
        *["-i", "file:/in/source", "-map", "0:1", "-map", "0:0", "-c:a", "copy", "-c:v", "copy"],
        *["-map_chapters", "-1", "-map_metadata", "-1", "-movflags", "+faststart", "playable.mp4"],
    ]


def test_a_remux_may_encode_the_sound_alone() -> None:
    argv = commands.remux(SOURCE, PHONE, Streams("copy", "encode"), "playable.mp4")
    assert (after(argv, "-c:v"), after(argv, "-c:a"), after(argv, "-ar")) == ("copy", "aac", "48000")


def test_a_remux_without_sound_maps_the_picture_alone() -> None:
    argv = commands.remux(SOURCE, like(audio=None), Streams("copy", None), "playable.mp4")
    assert argv.count("-map") == 1
    assert "-c:a" not in argv


def test_the_fast_transcode_is_one_encode_of_at_most_720p() -> None:
    argv = commands.transcode(SOURCE, like(width=1080, height=1920, codec="hevc"), "playable.mp4", threads=2)
    assert graph(argv) == (
        "[0:1]scale=720:1280:flags=bicubic:out_color_matrix=bt709:out_range=tv[s0];[s0]setsar=1[s1];"
        f"[s1]format=yuv420p[s2];{SOUND}[s3]"
    )
    assert (after(argv, "-c:v"), after(argv, "-maxrate:v"), after(argv, "-threads")) == ("libx264", "3000000", "2")


def test_a_poster_is_one_keyframe() -> None:
    argv = commands.poster(SOURCE, PHONE, "poster.jpg", at_s=1.0)
    assert argv[len(START) : argv.index("-i")] == sorted_pairs({**commands.SAFE, "skip_frame": "nokey", "ss": 1.0})
    assert after(argv, "-frames:v") == "1"
    assert "-skip_frame" not in commands.poster(SOURCE, PHONE, "poster.jpg", at_s=0, keyframes_only=False)


def sorted_pairs(options: dict[str, object]) -> list[str]:
    return [word for name in sorted(options) for word in (f"-{name}", str(options[name]))]


def test_loudness_is_read_from_a_summary_that_is_shown() -> None:
    argv = commands.loudness(SOURCE, 0, "wave.pcm")
    assert after(argv, "-v") == "info"
    assert graph(argv) == (
        "[0:0]asplit=2[s0][s1];[s0]ebur128=framelog=quiet[s2];"
        "[s1]aresample=8000[s3];[s3]aformat=channel_layouts=mono:sample_fmts=s16[s4]"
    )
    assert argv[-4:] == ["[s4]", "-f", "s16le", "wave.pcm"]


def test_a_ladder_below_a_copied_rung_takes_its_keyframes() -> None:
    argv = commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE), -3.5, 2))
    assert graph(argv) == (
        "[0:1]scale=640:360:flags=bicubic:out_color_matrix=bt709:out_range=tv[s0];[s0]setsar=1[s1];"
        f"[s1]format=yuv420p[s2];{SOUND}[s3];[s3]aresample=96000[s4];[s4]volume=-3.50dB[s5];"
        "[s5]alimiter=latency=true:level=false:limit=0.8[s6];[s6]aresample=48000[s7]"
    )
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-map"] == ["0:1", "[s2]", "[s7]"]
    assert (after(argv, "-c:v:0"), after(argv, "-c:v:1")) == ("copy", "libx264")
    assert (after(argv, "-maxrate:v:1"), after(argv, "-bufsize:v:1")) == ("800000", "1600000")
    assert (after(argv, "-force_key_frames"), after(argv, "-sc_threshold")) == ("source", "0")
    assert after(argv, "-var_stream_map") == (
        "v:0,agroup:a,name:720p v:1,agroup:a,name:360p a:0,agroup:a,name:audio,default:yes"
    )
    assert (after(argv, "-hls_flags"), after(argv, "-hls_segment_filename")) == (
        "single_file+independent_segments",
        "%v.m4s",
    )


def test_an_encoded_ladder_decodes_once_and_sets_its_own_keyframes() -> None:
    probe = like(width=1920, height=1080, codec="vp9")
    argv = commands.ladder(SOURCE, probe, Ladder(rungs(probe), 0, 2))
    assert graph(argv).count("[0:1]") == 1
    assert graph(argv).count("split=2") == 2
    assert [word for word in graph(argv).split("scale=") if word[0].isdigit()][1].startswith("1280:720:flags=bicubic")
    assert after(argv, "-force_key_frames") == "expr:gte(t,n_forced*2)"
    assert [after(argv, f"-c:v:{index}") for index in range(3)] == ["libx264"] * 3


def test_a_ladder_without_sound_has_no_group_for_it() -> None:
    argv = commands.ladder(SOURCE, like(audio=None), Ladder(rungs(like(audio=None)), 0, 2))
    assert after(argv, "-var_stream_map") == "v:0,name:720p v:1,name:360p"
    assert "-c:a" not in argv


def test_a_lone_copied_rung_needs_no_encoder() -> None:
    rung = Rung("360p", 640, 360, "copy", 500_000)
    argv = commands.ladder(SOURCE, like(width=640, height=360, audio=None), Ladder((rung,), 0, 2))
    assert "-filter_complex" not in argv
    assert "-force_key_frames" not in argv


@pytest.mark.parametrize("transfer", ["hlg", "pq"])
def test_high_dynamic_range_is_mapped_and_not_merely_relabelled(transfer: str) -> None:
    argv = commands.transcode(SOURCE, like(transfer=transfer, codec="hevc"), "o.mp4", threads=2)
    curve = {"hlg": "arib-std-b67", "pq": "smpte2084"}[transfer]
    assert f"transferin={curve}" in graph(argv)
    assert "tonemap=desat=0:tonemap=hable" in graph(argv)
    assert after(argv, "-color_trc") == "bt709"


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        ({"variable_frame_rate": True, "frame_rate": 32.0}, "[0:1]fps=fps=30:start_time=0"),
        ({"frame_rate": 240.0}, "[0:1]fps=fps=60:start_time=0"),
        ({"interlaced": True}, "[0:1]bwdif=deint=interlaced:mode=send_frame"),
        ({"matrix": ""}, "[0:1]scale=1280:720:flags=bicubic:in_color_matrix=bt709:"),
        ({"matrix": "", "width": 640, "height": 480}, "[0:1]scale=640:480:flags=bicubic:in_color_matrix=bt601:"),
    ],
)
def test_awkward_pictures_are_put_right_before_all_else(changes: dict[str, object], begins: str) -> None:
    argv = commands.transcode(SOURCE, like(codec="vp9", **changes), "o.mp4", threads=2)
    assert graph(argv).startswith(begins)


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({"variable_frame_rate": True, "frame_rate": 0.01}, "30"),
        ({"start_ms": 700, "frame_rate": 24.0}, "24.0"),
    ],
)
def test_frames_are_repeated_only_after_they_were_scaled(changes: dict[str, object], rate: str) -> None:
    argv = commands.transcode(SOURCE, like(codec="vp9", **changes), "o.mp4", threads=2)
    assert graph(argv).index("scale=") < graph(argv).index("fps=")
    assert f"fps=fps={rate}:start_time=0" in graph(argv)


def test_a_progressive_file_keeps_the_sound_in_step() -> None:
    argv = commands.progressive(Path("/in/720p.m4s"), Path("/in/audio.m4s"), "720p.mp4", audio_ahead_s=0.0213)
    assert after(argv, "-itsoffset") == "-0.021300"
    assert argv.index("-itsoffset") > argv.index("file:/in/720p.m4s")


def test_a_clip_reads_each_range_alone_and_joins_them() -> None:
    video, sound = Path("/in/720p.m4s"), Path("/in/audio.m4s")
    cuts = [Cut(video, sound, 2480, 4000, audio_ahead_s=0.02), Cut(video, None, 0, 500)]
    argv = commands.clip(cuts, (640, 360), "clip.mp4", threads=2)
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-ss"] == ["2.480", "2.500", "0.000"]
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-t"] == ["1.520", "1.520", "0.500", "0.500"]
    assert "concat=a=1:n=2:v=1" in graph(argv)
    assert "anullsrc=r=48000:cl=stereo" in argv


def test_nothing_said_about_the_source_is_passed_on() -> None:
    made = [
        commands.remux(SOURCE, PHONE, Streams("copy", "copy"), "o"),
        commands.transcode(SOURCE, PHONE, "o", threads=2),
        commands.poster(SOURCE, PHONE, "o", at_s=0),
        commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE), 0, 2)),
        commands.progressive(SOURCE, None, "o", audio_ahead_s=0),
        commands.clip([Cut(SOURCE, SOURCE, 0, 9)], (2, 2), "o", threads=2),
    ]
    for argv in made:
        assert (after(argv, "-map_metadata"), after(argv, "-map_chapters")) == ("-1", "-1")
