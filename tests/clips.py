"""Videos to test with, made on the spot by the real ffmpeg, each once a process. `clip(name)` makes one of CLIPS."""

import random
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from media.binaries import Tools, find_binaries

TOOLS = Tools(find_binaries(), threads=2)
KEY = "00112233445566778899aabbccddeeff"

PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2"]
SOUND = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d=2"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac"]
TEN_BIT = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"]

BT2020 = "setparams=color_primaries=bt2020:colorspace=bt2020nc:range=tv"

# Each frame has a brightness of its own, far from those beside it; a beep begins each second.
COUNTED = "color=black:s=320x240:r=25:d=4,format=yuv420p,geq=lum='20+mod(37*N,199)':cb=128:cr=128"
BEEPS = "aevalsrc='if(lt(mod(t,1),0.1),sin(2*PI*1000*t),0)':d=4:s=48000"


def _flat(luma: int, blue: int, red: int) -> list[str]:
    """One colour in 10 bits: 572 is a white sheet of paper in PQ."""
    graph = f"color=s=320x240:r=25:d=0.4,format=yuv420p10le,geq=lum={luma}:cb={blue}:cr={red}"
    return ["-f", "lavfi", "-i", graph]


RECIPES: dict[str, list[str]] = {
    "plain.mp4": [*PICTURE, *SOUND, *H264, "-g", "50", *AAC],
    "tiny.mp4": [
        *["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=1", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=1"],
        *[*H264, "-bf", "0", "-g", "25", *AAC, "-b:a", "32k"],
    ],
    "hd.mp4": [
        *["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25:d=4", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=4"],
        *[*H264, "-g", "25", *AAC],
    ],
    "placed.mov": [
        *[*PICTURE, *SOUND, *H264, *AAC, "-movflags", "use_metadata_tags"],
        *["-metadata", "com.apple.quicktime.location.ISO6709=+48.1374+011.5755/"],
    ],
    "silent.mp4": [*PICTURE, *H264],
    "quiet.mp4": [*PICTURE, "-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-shortest", *H264, *AAC],
    "pcm.mov": [*PICTURE, *SOUND, *H264, "-c:a", "pcm_s16le"],
    "hevc.mp4": [*PICTURE, *SOUND, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", *AAC],
    "hlg.mp4": [*PICTURE, *TEN_BIT, "-vf", f"{BT2020}:color_trc=arib-std-b67"],
    "pq.mp4": [*PICTURE, *TEN_BIT, "-vf", f"{BT2020}:color_trc=smpte2084"],
    "pq_white.mp4": [*_flat(572, 512, 512), *TEN_BIT, "-vf", f"{BT2020}:color_trc=smpte2084"],
    "hlg_red.mp4": [*_flat(500, 460, 620), *TEN_BIT, "-vf", f"{BT2020}:color_trc=arib-std-b67"],
    "av1.mp4": [*PICTURE, "-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1"],
    "recorded.webm": [*PICTURE, *SOUND, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1"],
    "odd.mp4": ["-f", "lavfi", "-i", "testsrc2=s=161x121:r=25:d=1", "-c:v", "libx264", "-pix_fmt", "yuv444p"],
    "wide_pixels.mp4": [*PICTURE, *H264, "-vf", "setsar=2"],
    "irregular.mp4": [*PICTURE, *SOUND, *H264, *AAC, "-vf", "select='mod(n,7)*mod(n,5)'", "-fps_mode", "vfr"],
    "late_picture.mp4": ["-itsoffset", "0.7", *PICTURE, *SOUND, *H264, *AAC],
    "late_clock.mkv": [*PICTURE, *SOUND, *H264, *AAC, "-output_ts_offset", "100"],
    "interlaced.mp4": [*PICTURE, *H264, "-vf", "setfield=tff", "-flags", "+ilme+ildct"],
    "open_gop.mp4": [*PICTURE, "-c:v", "libx264", "-g", "12", "-bf", "3", "-x264-params", "open-gop=1:keyint_min=1"],
    "counted.mp4": ["-f", "lavfi", "-i", COUNTED, "-f", "lavfi", "-i", BEEPS, *H264, "-crf", "10", "-g", "50", *AAC],
    # Two rungs, in as few and as small pictures as that takes.
    "two_rungs.mp4": [
        *["-f", "lavfi", "-i", "testsrc2=s=576x432:r=25:d=1", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=1"],
        *[*H264, "-g", "25", *AAC],
    ],
    "phone.mov": [
        *["-f", "lavfi", "-i", COUNTED.replace("320x240", "576x432"), "-f", "lavfi", "-i", BEEPS, "-t", "2.4"],
        *["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1", *AAC],
    ],
    "broadcast.ts": [
        *["-itsoffset", "0.03", "-f", "lavfi", "-i", "testsrc2=s=576x432:r=25:d=1"],
        *["-f", "lavfi", "-i", "sine=r=48000:d=1", "-c:v", "libx265", "-preset", "ultrafast"],
        *["-x265-params", "log-level=none", *AAC],
    ],
    "blink.mp4": [
        *["-f", "lavfi", "-i", "testsrc2=s=576x432:r=60:d=0.03", "-f", "lavfi", "-i", "sine=r=48000:d=0.04"],
        *["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", *AAC],
    ],
    "audio.m4a": [*SOUND, *AAC],
    "memo.flac": [*SOUND],
    "memo.aiff": [*SOUND],
    "encrypted.mp4": [
        *[*PICTURE, *H264, "-encryption_scheme", "cenc-aes-ctr"],
        *["-encryption_key", KEY, "-encryption_kid", KEY],
    ],
    "one_frame_100h.mp4": [
        *["-f", "lavfi", "-i", "color=s=320x240:r=25:d=0.04", *H264],
        *["-bsf:v", "setts=duration=360000/TB", "-video_track_timescale", "1000"],
    ],
    "huge_picture.mp4": [
        *["-f", "lavfi", "-i", "color=s=8192x4400:r=25:d=0.04", *H264, "-x264-params", "threads=1:rc-lookahead=0"],
    ],
}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="clips-")


def ffmpeg(*args: str) -> bytes:
    """Run it without the limits of the pipeline: what is made here is ours."""
    argv = [TOOLS.binaries.ffmpeg, "-v", "error", "-nostdin", "-y", *args]
    return subprocess.run(argv, check=True, capture_output=True, timeout=120).stdout


def ffmpeg_says(*args: str) -> str:
    """Return what it has to say, which is of interest where it measures."""
    argv = [TOOLS.binaries.ffmpeg, "-hide_banner", "-nostats", "-nostdin", *args]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stderr


@cache
def clip(name: str) -> Path:
    path = Path(_folder().name) / name
    if name in RECIPES:
        live = ["-f", "webm"] if name.endswith(".webm") else []
        ffmpeg(*RECIPES[name], *live, str(path))
    else:
        DERIVED[name](path)
    return path


def _portrait(path: Path) -> None:
    """As phones do: stored lying on its side, with a note to turn it."""
    ffmpeg("-display_rotation", "-90", "-i", str(clip("plain.mp4")), "-c", "copy", str(path))


def _with_cover(path: Path) -> None:
    cover = path.with_name("cover.jpg")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:d=1", "-frames:v", "1", str(cover))
    ffmpeg("-i", str(clip("audio.m4a")), "-i", str(cover), "-c", "copy", "-disposition:v", "attached_pic", str(path))


def _index_first(path: Path) -> None:
    ffmpeg("-i", str(clip("plain.mp4")), "-c", "copy", "-movflags", "+faststart", str(path))


def _in_fragments(path: Path) -> None:
    flags = "empty_moov+default_base_moof+frag_keyframe"
    ffmpeg("-i", str(clip("tiny.mp4")), "-an", "-c", "copy", "-movflags", flags, str(path))


def _cut_in_half(path: Path) -> None:
    whole = clip("index_first.mp4").read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])


def _without_index(path: Path) -> None:
    whole = clip("plain.mp4").read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])


def _garbled(path: Path) -> None:
    """A container in order around pictures and sound that are noise."""
    whole = clip("index_first.mp4").read_bytes()
    start = whole.index(b"mdat") + 4
    path.write_bytes(whole[:start] + random.Random(7).randbytes(len(whole) - start))


def _text(content: str) -> Callable[[Path], None]:
    return lambda path: _write(path, content)


def _write(path: Path, content: str) -> None:
    path.write_text(content)


DERIVED: dict[str, Callable[[Path], None]] = {
    "portrait.mp4": _portrait,
    "cover.m4a": _with_cover,
    "index_first.mp4": _index_first,
    "fragments.mp4": _in_fragments,
    "half.mp4": _cut_in_half,
    "no_index.mp4": _without_index,
    "garbled.mp4": _garbled,
    "empty.mp4": _text(""),
    "text.mp4": _text("Dear diary, today I recorded nothing at all.\n" * 20),
    "page.mp4": _text("<!doctype html><title>not a video</title>"),
    "playlist.mp4": _text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
    "sibling.mp4": _text("ffconcat version 1.0\nfile plain.mp4\n"),
    "manifest.mp4": _text('<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'),
    "drawing.mp4": _text('<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"/>'),
}


def frames_luma(path: Path) -> list[int]:
    """The mean brightness of each frame."""
    return list(
        ffmpeg(
            "-i",
            str(path),
            "-fps_mode",
            "passthrough",
            "-vf",
            "scale=1:1:flags=area,format=gray",
            "-f",
            "rawvideo",
            "-",
        )
    )


def mean_colour(path: Path) -> tuple[int, int, int]:
    """Luma and the two chromas of the first frame, 8 bits each."""
    luma, blue, red = ffmpeg(
        "-i", str(path), "-frames:v", "1", "-vf", "scale=2:2:flags=area,format=yuv444p,crop=1:1", "-f", "rawvideo", "-"
    )
    return luma, blue, red


def beeps_ms(path: Path) -> list[int]:
    """When each beep of the counted clip begins."""
    raw = ffmpeg("-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", "8000", "-f", "s16le", "-")
    samples = memoryview(raw).cast("h")
    loud = [index // 8 for index, sample in enumerate(samples) if abs(sample) > 3000]
    return [ms for ms, before in zip(loud, [-1000, *loud], strict=False) if ms - before > 300]
