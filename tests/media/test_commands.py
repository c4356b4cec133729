from pathlib import Path

import msgspec
import pytest

from media import colours, commands
from media.commands import Cut, Ladder, Still
from media.facts import Audio, Probe
from media.ladder import Rung, Streams, first_rung, rungs, tiles

SAFE = [
    *["-format_whitelist", "mov,matroska,avi,mpegts,mp3,aac,ogg,wav,flv,flac,amr"],
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
SOUND = "[0:0]aresample=async=480:first_pts=0:min_hard_comp=0.04"
FROM_ZERO = r"setpts=PTS*gt(N\,0)"
SAID = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"


def like(**changes: object) -> Probe:
    return msgspec.structs.replace(PHONE, **changes)


def graph(argv: list[str]) -> str:
    return argv[argv.index("-filter_complex") + 1]


def plain(place: int) -> str:
    """The filters that follow the one whose output is `place`, up to what is encoded."""
    notes = [f"sidedata=mode=delete:type={note}" for note in colours.HDR_NOTES]
    filters = ["setsar=1", "format=yuv420p", *notes, SAID]
    return ";".join(f"[s{place + index}]{one}[s{place + index + 1}]" for index, one in enumerate(filters))


def first(probe: Probe) -> list[str]:
    return commands.ladder(SOURCE, probe, Ladder((first_rung(probe),), 0, 2))


def over_a_still() -> list[str]:
    still = Still(Path("/in/still.rgb"), 1280, 720, 5.0, 2.5)
    return commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE, may_copy=False), 0, 2, still=still))


def after(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]


@pytest.mark.parametrize(
    "argv",
    [
        commands.header_args(SOURCE),
        commands.packets_args(SOURCE),
        commands.remux(SOURCE, PHONE, Streams("copy", "copy"), "o.mp4"),
        first(PHONE),
        over_a_still(),
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
        ours = {"format_whitelist": "rawvideo"} if argv[index].endswith(".rgb") else {}
        for flag, value in (commands.SAFE | ours).items():
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
    assert graph(argv) == f"{SOUND}[s0]"


def test_a_remux_without_sound_maps_the_picture_alone() -> None:
    argv = commands.remux(SOURCE, like(audio=None), Streams("copy", None), "playable.mp4")
    assert argv.count("-map") == 1
    assert "-c:a" not in argv


def test_the_first_rung_is_the_smallest_with_the_sound_and_keyframes_of_its_own() -> None:
    argv = first(like(width=1080, height=1920, codec="hevc"))
    assert graph(argv).startswith(
        f"[0:1]{FROM_ZERO}[s0];[s0]scale=360:640:flags=bicubic:out_color_matrix=bt709:out_range=tv[s1];"
        f"{plain(1)};{SOUND}[s12]"
    )
    assert (after(argv, "-c:v:0"), after(argv, "-maxrate:v:0"), after(argv, "-threads")) == ("libx264", "800000", "2")
    assert after(argv, "-var_stream_map") == "v:0,agroup:a,name:360p a:0,agroup:a,name:audio,default:yes"
    assert after(argv, "-force_key_frames") == "expr:gte(t,n_forced*2)"


def test_a_ladder_beside_a_sound_that_is_there_reads_it_and_makes_none() -> None:
    probe = like(codec="hevc")
    argv = commands.ladder(SOURCE, probe, Ladder(rungs(probe)[:1], 0, 2, sound=False))
    assert after(argv, "-var_stream_map") == "v:0,name:720p"
    assert argv[argv.index("%v.m3u8") + 1 :] == ["-map", "0:0", "-f", "null", "-c", "copy", "-"]
    assert "alimiter" not in graph(argv)


def test_a_still_is_shown_as_long_as_its_sound_lasts() -> None:
    argv = over_a_still()
    still = argv[: argv.index("file:/in/still.rgb")]
    options = ("-f", "-pixel_format", "-video_size", "-framerate", "-stream_loop", "-t")
    assert [after(still, option) for option in options] == ["rawvideo", "rgb24", "1280x720", "5.0", "-1", "2.500"]
    assert after(still, "-format_whitelist") == "rawvideo"


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
        f"{SOUND}[s0];[s0]asplit=2[s1][s2];[s1]ebur128=framelog=quiet[s3];"
        "[s2]aresample=8000[s4];[s4]aformat=channel_layouts=mono:sample_fmts=s16[s5]"
    )
    assert argv[-4:] == ["[s5]", "-f", "s16le", "wave.pcm"]


def test_a_ladder_below_a_copied_rung_takes_its_keyframes() -> None:
    argv = commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE), -3.5, 2))
    assert graph(argv) == (
        f"[0:1]scale=640:360:flags=bicubic:out_color_matrix=bt709:out_range=tv[s0];{plain(0)};"
        f"{SOUND}[s11];[s11]aresample=96000[s12];[s12]volume=-3.50dB[s13];"
        "[s13]alimiter=latency=true:level=false:limit=0.8[s14];[s14]aresample=48000[s15]"
    )
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-map"] == ["0:1", "[s10]", "[s15]"]
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
    argv = first(like(transfer=transfer, codec="hevc"))
    curve = {"hlg": "arib-std-b67", "pq": "smpte2084"}[transfer]
    assert f"transferin={curve}" in graph(argv)
    assert "tonemap=desat=0:tonemap=hable" in graph(argv)
    assert (after(argv, "-color_trc:v:0"), after(argv, "-color_range:v:0")) == ("bt709", "tv")


@pytest.mark.parametrize("primaries", ["bt2020", "smpte432", "bt470bg"])
def test_other_primaries_are_brought_to_ours_and_not_merely_relabelled(primaries: str) -> None:
    assert f"primaries=bt709:primariesin={primaries}" in graph(first(like(primaries=primaries, codec="hevc")))


@pytest.mark.parametrize("primaries", ["", "bt709", "bt709:loop=1"])
def test_what_has_our_primaries_or_none_that_are_known_is_left_alone(primaries: str) -> None:
    assert "zscale" not in graph(first(like(primaries=primaries, codec="hevc")))


def test_a_copied_rung_is_told_nothing_of_colours() -> None:
    argv = commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE), 0, 2))
    said = [word for word in argv if word.startswith(("-color_", "-colorspace"))]
    assert said == ["-color_primaries:v:1", "-color_range:v:1", "-color_trc:v:1", "-colorspace:v:1"]


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        ({"frame_rate": 240.0}, "fps=fps=60[s1]"),
        ({"interlaced": True}, "bwdif=deint=interlaced:mode=send_frame"),
        ({"matrix": ""}, "scale=640:360:flags=bicubic:in_color_matrix=bt709:"),
        ({"matrix": "", "width": 640, "height": 480}, "scale=480:360:flags=bicubic:in_color_matrix=bt601:"),
    ],
)
def test_awkward_pictures_are_put_right_before_all_else(changes: dict[str, object], begins: str) -> None:
    argv = first(like(codec="vp9", **changes))
    assert graph(argv).startswith(f"[0:1]{FROM_ZERO}[s0];[s0]{begins}")


@pytest.mark.parametrize(
    "changes",
    [
        {"variable_frame_rate": True, "frame_rate": 0.01},
        {"start_ms": 700, "frame_rate": 24.0},
        {"last_frame_ms": 9000},
        {"frame_rate": 1.0},
    ],
)
def test_frames_that_come_unevenly_keep_their_times(changes: dict[str, object]) -> None:
    argv = first(like(codec="vp9", **changes))
    assert "fps=" not in graph(argv)
    assert (after(argv, "-fps_mode:v:0"), after(argv, "-enc_time_base:v:0")) == ("vfr", "1:90000")


def test_frames_are_stored_in_the_order_they_are_shown_in() -> None:
    assert after(first(like(codec="vp9")), "-bf:v:0") == "0"


def test_beside_a_copied_rung_frames_stay_where_they_are() -> None:
    assert FROM_ZERO not in graph(commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE), 0, 2)))


def test_renditions_need_no_edit_list() -> None:
    argv = first(PHONE)
    assert "use_editlist=0" in after(argv, "-hls_segment_options")
    assert "NEXT_DTS-DTS" in after(argv, "-bsf:v")


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
    assert graph(argv).startswith(f"[0:v:0]{FROM_ZERO}[s0];[s0]trim=end=1.52[s1]")


def test_a_clip_that_goes_on_beyond_the_last_picture_holds_it() -> None:
    argv = commands.clip([Cut(SOURCE, SOURCE, 4500, 5500, last_picture_ms=3960)], (640, 360), "clip.mp4", threads=2)
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-ss"] == ["3.959", "4.500"]
    assert "tpad=stop_duration=1.0:stop_mode=clone" in graph(argv)


def test_nothing_said_about_the_source_is_passed_on() -> None:
    made = [
        commands.remux(SOURCE, PHONE, Streams("copy", "copy"), "o"),
        first(PHONE),
        commands.poster(SOURCE, PHONE, "o", at_s=0),
        commands.ladder(SOURCE, PHONE, Ladder(rungs(PHONE), 0, 2)),
        commands.progressive(SOURCE, None, "o", audio_ahead_s=0),
        commands.clip([Cut(SOURCE, SOURCE, 0, 9)], (2, 2), "o", threads=2),
    ]
    for argv in made:
        assert (after(argv, "-map_metadata"), after(argv, "-map_chapters")) == ("-1", "-1")
