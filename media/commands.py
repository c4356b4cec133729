"""Every argument list given to ffmpeg and ffprobe: pure values, without the program's own name.

Outputs are named relative to the folder the process runs in. Graphs are built with ffmpeg-python; running is not
its business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from media import colours
from media.facts import Probe
from media.ladder import FAST_SHORT_SIDE, Rung, Streams, Tiles, constant_rate, fit

SAFE: dict[str, Any] = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,avi,mpegts,mp3,aac,ogg,wav,flv,flac,amr",
    "max_streams": 16,
    "max_pixels": 35_000_000,
    "max_alloc": 300_000_000,
}
QUIET = ["-hide_banner", "-nostdin", "-v", "error"]
CLEAN: dict[str, Any] = {"map_metadata": -1, "map_chapters": -1}  # no place, device or owner reaches what is served
AAC = {"c:a": "aac", "b:a": "128k", "ac": 2, "ar": 48_000}
SEGMENT_S = 4
KEYFRAME_S = 2
# Where a rendition begins on its clock. Encoders begin before that, of pictures and of sound by different times; before
# zero they cannot, all would be moved, and what is made apart would not be in step.
BEGIN_S = 0.5


def header_args(path: Path) -> list[str]:
    return ["-v", "error", *_flags(SAFE), "-of", "json", "-show_format", "-show_streams", _url(path)]


def packets_args(path: Path) -> list[str]:
    entries = "packet=stream_index,pts_time,dts_time,duration_time,size,flags:packet_side_data=side_data_type"
    return ["-v", "error", *_flags(SAFE), "-show_entries", entries, "-of", "compact=p=0", _url(path)]


def remux(source: Path, probe: Probe, streams: Streams, output: str) -> list[str]:
    """S1: the same pictures with the index in front. Keeps the rotation, drops everything said about the file."""
    read = _input(source)
    options: dict[str, Any] = {"c:v": "copy", **CLEAN, "movflags": "+faststart"}
    mapped = [read[str(probe.video_index)]]
    if probe.audio:
        sound = read[str(probe.audio.index)]
        mapped.append(sound if streams.audio == "copy" else _sound(sound))
        options |= {"c:a": "copy"} if streams.audio == "copy" else AAC
    return _compiled(ffmpeg.output(*mapped, output, **options))


def poster(source: Path, probe: Probe, output: str, *, at_s: float, keyframes_only: bool = True) -> list[str]:
    """S2: one picture, at most 720p."""
    skip = {"skip_frame": "nokey"} if keyframes_only else {}
    read = _input(source, ss=at_s, **skip)
    width, height = fit(probe, min(probe.short_side, FAST_SHORT_SIDE))
    picture = _still(read[str(probe.video_index)], width, height)
    return _compiled(ffmpeg.output(picture, output, **{"frames:v": 1, "q:v": 3, "update": 1, **CLEAN}))


def loudness(source: Path, audio_index: int, wave: str) -> list[str]:
    """S3: what ebur128 sums up on stderr, and the sound as 8 kHz mono, on the clock of the pictures, for a waveform."""
    sound = _sound(_input(source)[str(audio_index)]).filter_multi_output("asplit", 2)
    measured = sound[0].filter("ebur128", framelog="quiet")
    thin = sound[1].filter("aresample", 8000).filter("aformat", sample_fmts="s16", channel_layouts="mono")
    outputs = [ffmpeg.output(measured, "-", format="null"), ffmpeg.output(thin, wave, format="s16le")]
    args = _compiled(ffmpeg.merge_outputs(*outputs))
    args[args.index("-v") + 1] = "info"  # the summary is information, not an error
    return args


def samples(source: Path, output: str, *, rate: int) -> list[str]:
    """All of its sound as bare 16-bit samples of one channel, on the clock of the pictures, for who listens to it."""
    sound = _input(source)["a:0"].filter("aresample", rate, **{"async": 1, "first_pts": 0})
    return _compiled(ffmpeg.output(sound, output, format="s16le", ac=1, c="pcm_s16le", **CLEAN))


@dataclass(frozen=True)
class Still:
    """A picture as bare RGB, of this size, that is shown as long as its sound lasts."""

    path: Path
    width: int
    height: int
    frame_rate: float
    duration_s: float


@dataclass(frozen=True)
class Ladder:
    """What S4 is told: the rungs from the largest down (only the first may be copied), and the gain in dB.

    Without `sound` there is none, or it is there already. `still` takes the place of the source's pictures. Of one that
    is `growing` the playlists tell what is whole while the rest is being made.
    """

    rungs: tuple[Rung, ...]
    gain_db: float
    threads: int
    sound: bool = True
    still: Still | None = None
    growing: bool = False


def ladder(source: Path, probe: Probe, plan: Ladder) -> list[str]:
    """S4: one decode, all renditions, each one file `<name>.m4s` beside its playlist `<name>.m3u8`."""
    read = _input(source, threads=plan.threads)
    video = _shown(plan.still) if plan.still else read[str(probe.video_index)]
    copied = plan.rungs[0].how == "copy"
    encoded = plan.rungs[1:] if copied else plan.rungs
    # Beside a copied rung frames stay at the copied times.
    mapped = [video] if copied else []
    mapped += _pictures(video if copied else _from_zero(video), probe, encoded)
    options: dict[str, Any] = {"c:v:0": "copy"} if copied else {}
    for index, rung in enumerate(plan.rungs):
        if rung.how == "encode":
            options |= _x264(f"v:{index}", rung.max_bit_rate)
    if encoded:
        options |= _keyframes(copied=copied)
    sound = read[str(probe.audio.index)] if probe.audio else None
    grouped = bool(sound and plan.sound)
    names = [f"v:{index}{',agroup:a' * grouped},name:{rung.name}" for index, rung in enumerate(plan.rungs)]
    if grouped:
        mapped.append(_levelled(_sound(sound), plan.gain_db))
        options |= AAC
        names.append("a:0,agroup:a,name:audio,default:yes")
    options |= {"var_stream_map": " ".join(names), "threads": plan.threads}
    outputs = [ffmpeg.output(*mapped, "%v.m3u8", **options, **CLEAN, **_hls(copied=copied, growing=plan.growing))]
    if sound and not grouped:
        # Read, and thrown away: of some containers the clock begins with the first stream that is used.
        outputs.append(ffmpeg.output(sound, "-", c="copy", format="null"))
    return _compiled(ffmpeg.merge_outputs(*outputs), progress=True)


def _shown(still: Still) -> Any:
    options: dict[str, Any] = {**SAFE, "format_whitelist": "rawvideo", "format": "rawvideo", "pixel_format": "rgb24"}
    size = (still.width, still.height)
    lasting = {"stream_loop": -1, "framerate": still.frame_rate, "t": f"{still.duration_s:.3f}"}
    return ffmpeg.input(_url(still.path), **options, video_size=size, **lasting)["v:0"]


def progressive(video: Path, audio: Path | None, output: str, *, audio_ahead_s: float) -> list[str]:
    """S5: a rendition and its sound in one MP4. `audio_ahead_s`: how much earlier the sound's file begins."""
    mapped = [_input(video)["v:0"]]
    if audio:
        # Each input would be moved to zero on its own, and the sound be late by what it begins earlier.
        mapped.append(_input(audio, itsoffset=f"{-audio_ahead_s:.6f}")["a:0"])
    return _compiled(ffmpeg.output(*mapped, output, c="copy", **CLEAN, movflags="+faststart"))


def storyboard(rendition: Path, layout: Tiles, output: str) -> list[str]:
    """S6: from the keyframes of the smallest finished rendition."""
    picture = _input(rendition, skip_frame="nokey")["v:0"].filter(
        "fps", fps=f"1000/{layout.interval_ms}", start_time=0, round="up"
    )
    picture = _still(picture, layout.width, layout.height).filter("tile", f"{layout.columns}x{layout.rows}")
    return _compiled(ffmpeg.output(picture, output, **{"frames:v": 1, "q:v": 5, "update": 1, **CLEAN}))


@dataclass(frozen=True)
class Cut:
    """A range of one video. `audio` is the file its sound is in, which may be the same, or None.

    `last_picture_ms` is where the last picture of a video begins, which a range that goes on beyond it holds.
    `untagged_matrix` and `primaries` are those of its Probe.
    """

    video: Path
    audio: Path | None
    start_ms: int
    end_ms: int
    audio_ahead_s: float = 0.0
    last_picture_ms: int | None = None
    untagged_matrix: str | None = None
    primaries: str = ""

    @property
    def picture_ms(self) -> int:
        """Where a picture is there to begin with: one millisecond off, it would be missed."""
        return self.start_ms if self.last_picture_ms is None else min(self.start_ms, max(0, self.last_picture_ms - 1))

    @property
    def duration_s(self) -> float:
        return (self.end_ms - self.start_ms) / 1000


def clip(cuts: Sequence[Cut], size: tuple[int, int], output: str, *, threads: int) -> list[str]:
    """S7: the ranges one after the other, each exact to the frame, in a picture of `size` (width, height)."""
    parts: list[Any] = []
    sounds = any(cut.audio for cut in cuts)
    for cut in cuts:
        read = _range(cut.video, cut.picture_ms / 1000, cut.duration_s, threads)
        parts.append(_framed(_range_picture(cut, read), cut, *size))
        if sounds:
            parts.append(_range_sound(cut, read, threads))
    streams = 2 if sounds else 1
    joined = parts if len(cuts) == 1 else _joined(parts, streams)
    options = {**_x264("v", 3_000_000), **_keyframes(copied=False), **CLEAN, "threads": threads}
    if sounds:
        options |= AAC
    return _compiled(ffmpeg.output(*joined, output, **options, movflags="+faststart"), progress=True)


def _range(path: Path, start_s: float, duration_s: float, threads: int) -> Any:
    return _input(path, ss=f"{start_s:.3f}", t=f"{duration_s:.3f}", threads=threads)


def _range_picture(cut: Cut, read: Any) -> Any:
    picture = _from_zero(read["v:0"])
    if cut.last_picture_ms is not None:
        picture = picture.filter("tpad", stop_mode="clone", stop_duration=cut.duration_s)
    # The limit of what is read counts from its first frame, which may come later than the range begins.
    return picture.filter("trim", end=cut.duration_s)


def _range_sound(cut: Cut, read: Any, threads: int) -> Any:
    if cut.audio is None:
        silence = ffmpeg.input("anullsrc=r=48000:cl=stereo", format="lavfi", t=f"{cut.duration_s:.3f}")
        return silence["a:0"].filter("aresample", 48_000)
    if cut.audio != cut.video or cut.picture_ms != cut.start_ms:
        read = _range(cut.audio, cut.start_ms / 1000 + cut.audio_ahead_s, cut.duration_s, threads)
    sound = _sound(read["a:0"]).filter("aformat", sample_rates=48_000, channel_layouts="stereo")
    return sound.filter("atrim", end=cut.duration_s).filter("apad", whole_dur=f"{cut.duration_s:.3f}")


def _framed(video: Any, cut: Cut, width: int, height: int) -> Any:
    as_ours = colours.to_bt709(cut.untagged_matrix)
    fitted = video.filter("scale", width, height, flags="bicubic", force_original_aspect_ratio="decrease", **as_ours)
    placed = colours.of_bt709(fitted, cut.primaries).filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2")
    return colours.plain(placed)


def _joined(parts: Sequence[Any], streams: int) -> list[Any]:
    node = ffmpeg.concat(*parts, v=1, a=streams - 1).node
    return [node[index] for index in range(streams)]


def _pictures(video: Any, probe: Probe, rungs: Sequence[Rung]) -> list[Any]:
    """Each smaller picture is scaled from the one above, so the source is brought down once."""
    made: list[Any] = []
    for index, rung in enumerate(rungs):
        if index == 0:
            picture = _picture(video, probe, rung.width, rung.height)
        else:
            picture = made.pop().filter("scale", rung.width, rung.height, flags="bicubic")
        if index < len(rungs) - 1:
            halves = picture.filter_multi_output("split", 2)
            made += [halves[0], halves[1]]
        else:
            made.append(picture)
    return made


def _picture(video: Any, probe: Probe, width: int, height: int) -> Any:
    """Progressive, even, square, 8-bit 4:2:0 SDR in BT.709; ffmpeg turns it upright before the first filter."""
    if probe.interlaced:
        video = video.filter("bwdif", mode="send_frame", deint="interlaced")
    # Frames are dropped where there are too many, and never repeated: three of them may claim hours.
    if rate := constant_rate(probe):
        video = video.filter("fps", fps=rate)
    return colours.plain(colours.scaled(video, probe, width, height))


def _from_zero(video: Any) -> Any:
    """The first frame shown from the beginning on, so that a picture that comes late is no hole."""
    return video.filter("setpts", "PTS*gt(N,0)")


def _sound(audio: Any) -> Any:
    # From zero on, with silence where there is none: a late or torn track stays in step with the picture. What is off
    # by less than a person notices (a microphone's own clock) is stretched back by a hundredth, which nobody hears.
    return audio.filter("aresample", **{"async": 480, "min_hard_comp": 0.04, "first_pts": 0})


def _levelled(audio: Any, gain_db: float) -> Any:
    """Limited at twice the sample rate, where the peaks between samples show."""
    louder = audio.filter("aresample", 96_000).filter("volume", f"{gain_db:.2f}dB")
    return louder.filter("alimiter", limit=0.8, level="false", latency="true").filter("aresample", 48_000)


def _still(picture: Any, width: int, height: int) -> Any:
    return (
        picture.filter("scale", width, height, flags="bicubic", out_range="pc")
        .filter("setsar", "1")
        .filter("format", "yuvj420p")
    )


def _x264(stream: str, max_bit_rate: int) -> dict[str, Any]:
    """Each frame at its own time: left alone, ffmpeg would round to a rate it guesses, and repeat and drop frames.

    They are stored in the order they are shown in. Else a segment's first picture comes later than the segment says it
    begins, of which players make different things: hls.js puts segments that it loads out of turn beside each other
    with a hole between. And a long first frame would put off all that follow.
    """
    return {
        f"bf:{stream}": 0,
        f"c:{stream}": "libx264",
        f"fps_mode:{stream}": "vfr",
        f"enc_time_base:{stream}": "1:90000",
        f"preset:{stream}": "veryfast",
        f"crf:{stream}": 23,
        f"profile:{stream}": "high",
        f"maxrate:{stream}": max_bit_rate,
        f"bufsize:{stream}": 2 * max_bit_rate,
        **{f"{name}:{stream}": value for name, value in colours.BT709.items()},
    }


def _keyframes(*, copied: bool) -> dict[str, Any]:
    """The same in every rung: where the copied one has them, else every two seconds."""
    if copied:
        return {"sc_threshold": 0, "force_key_frames": "source", "g": 600}
    return {"sc_threshold": 0, "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_S})", "g": 60 * KEYFRAME_S}


def _hls(*, copied: bool, growing: bool) -> dict[str, Any]:
    """Segments of all rungs that are encoded are short, as those of the first, which plays from its first one on."""
    return {
        "format": "hls",
        "hls_time": SEGMENT_S if copied else KEYFRAME_S,
        "hls_playlist_type": "event" if growing else "vod",
        "hls_segment_type": "fmp4",
        "hls_flags": "single_file+independent_segments",
        "hls_segment_filename": "%v.m4s",
        "output_ts_offset": BEGIN_S,
        # Times as they are, for players leave out edit lists (Chrome those that put off a beginning) as they please.
        "hls_segment_options": "movflags=+frag_discont:use_editlist=0:avoid_negative_ts=disabled",
        # Segments are as long as the sum of what frames say to last, and in some containers that is a guess.
        "bsf:v": "setts=pts=PTS:dts=DTS:duration=if(gt(NEXT_DTS\\,DTS)\\,NEXT_DTS-DTS\\,DURATION)",
    }


def _input(path: Path, **options: Any) -> Any:
    return ffmpeg.input(_url(path), **SAFE, **options)


def _url(path: Path) -> str:
    return f"file:{path.absolute()}"


def _flags(options: dict[str, Any]) -> list[str]:
    return [word for name, value in options.items() for word in (f"-{name}", str(value))]


def _compiled(stream: Any, *, progress: bool = False) -> list[str]:
    reporting = ["-progress", "pipe:1", "-nostats"] if progress else []
    return [*QUIET, "-y", *reporting, *ffmpeg.compile(stream)[1:]]
