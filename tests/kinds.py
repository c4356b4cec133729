"""Kinds of video that phones, browsers and cameras make, each with a flash and a beep every second.

`kind(name)` makes one of KINDS, once a process. The upper left quarter is red, whichever way the picture is stored.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.clips import ffmpeg

WIDTH, HEIGHT = 192, 108
PICTURE = (
    f"color=black:s={WIDTH}x{HEIGHT}:r=25:d=4,format=yuv420p,"
    r"geq=lum='if(between(mod(T\,1)\,0.519\,0.599)\,235\,16)':cb='if(lt(X\,48)*lt(Y\,27)\,90\,128)'"
    r":cr='if(lt(X\,48)*lt(Y\,27)\,240\,128)'"
)
SOUND = "aevalsrc='if(between(mod(t,1),0.52,0.6),0.8*sin(2*PI*1000*t),0)':d=4:s=48000"

H264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "50"]
HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"]
VP8 = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]
AAC, OPUS, PCM = ["-c:a", "aac"], ["-c:a", "libopus"], ["-c:a", "pcm_s16le"]
SECRETS = ("Marienplatz", "+48.1374", "PhoneOfAda", "Ada Lovelace")


@dataclass(frozen=True)
class Kind:
    """How one is made of the master, and what it is then: the frames a person sees, and their size."""

    made: list[str]
    frames: int = 100
    size: tuple[int, int] = (WIDTH, HEIGHT)
    rung_frames: int = 0
    duration_ms: int = 4000
    flashes: int = 4

    @property
    def frames_of_rungs(self) -> int:
        return self.rung_frames or self.frames


PORTRAIT = (HEIGHT, WIDTH)
KINDS: dict[str, Kind] = {
    # Phones
    "plain.mp4": Kind([*H264, *AAC]),
    "upright.mov": Kind([*HEVC, "-tag:v", "hvc1", *AAC], size=PORTRAIT),
    "large.mov": Kind([*HEVC, "-vf", "scale=960:540:flags=neighbor", "-tag:v", "hvc1", *AAC], size=(960, 540)),
    "mirrored.mp4": Kind([*H264, *AAC]),
    "pcm.mov": Kind([*H264, *PCM]),
    "amr.3gp": Kind(["-c:v", "mpeg4", "-q:v", "5", "-c:a", "libopencore_amrnb", "-ac", "1", "-ar", "8000"]),
    "uneven.mp4": Kind(
        [*H264, "-vf", r"fps=60,select='if(lt(t\,2)\,not(mod(n\,4))\,1)'", "-fps_mode", "vfr", *AAC], frames=150
    ),
    "slow_motion.mp4": Kind([*H264, "-preset", "ultrafast", "-vf", "fps=240", *AAC], frames=960, rung_frames=240),
    "ten_bits.mkv": Kind([*HEVC, "-pix_fmt", "yuv420p10le", *OPUS]),
    "mono.mp4": Kind([*H264, *AAC, "-ac", "1", "-ar", "16000"]),
    "surround.mp4": Kind([*H264, *AAC, "-ac", "6"]),
    "located.mov": Kind(
        [
            *[*H264, *AAC, "-movflags", "use_metadata_tags", "-metadata", f"com.apple.quicktime.model={SECRETS[2]}"],
            *["-metadata", f"com.apple.quicktime.location.ISO6709={SECRETS[1]}+011.5755/"],
            *["-metadata:s:v", f"title={SECRETS[0]}", "-metadata", f"author={SECRETS[3]}"],
        ]
    ),
    # Edited on the phone, or joined by a muxer of its own
    "trimmed.mp4": Kind([], frames=92, duration_ms=3700),
    "late_picture.mp4": Kind([], duration_ms=4700),
    "late_sound.mp4": Kind([], duration_ms=4680),
    "two_pictures.mov": Kind([]),
    "cover_first.mp4": Kind([]),
    "long_sound.mp4": Kind([*H264, "-af", "apad=pad_dur=2", *AAC], duration_ms=6000),
    "short_sound.mp4": Kind([*H264, "-af", "atrim=0:2.2", *AAC]),
    "tiny.mp4": Kind([*H264, *AAC, "-ss", "0.4", "-t", "0.3"], frames=8, duration_ms=320, flashes=1),
    # Browsers
    "recorded.webm": Kind([*VP8, *OPUS, "-live", "1"]),
    "vp9.webm": Kind(["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", *OPUS]),
    "av1.webm": Kind(["-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1", *OPUS]),
    "fragments.mp4": Kind([*H264, *AAC, "-movflags", "frag_keyframe+empty_moov+default_base_moof"], duration_ms=4080),
    "drifting.mkv": Kind([*H264, *OPUS, "-bsf:a", "setts=ts=TS*1.01"], duration_ms=4040),
    "torn.mkv": Kind([*VP8, *OPUS, "-bsf:a", r"noise=drop='between(n\,40\,60)'"]),
    "ten_a_second.webm": Kind([*VP8, *OPUS, "-vf", "fps=10"], frames=40),
    # Cameras, and what was exported long ago
    "prores.mov": Kind(["-c:v", "prores_ks", "-profile:v", "1", "-c:a", "pcm_s24le"]),
    "stills.mov": Kind(["-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj422p", *PCM]),
    "film.mp4": Kind([*H264, "-vf", "fps=24000/1001", *AAC], frames=96),
    "fields.mp4": Kind([*H264, "-vf", "setfield=tff", "-flags", "+ilme+ildct", *AAC]),
    "camera.ts": Kind(["-c:v", "mpeg2video", "-q:v", "5", "-bf", "2", "-flags", "+ilme+ildct", "-c:a", "mp2"]),
    "stream.ts": Kind([*H264, *AAC]),
    "wide_pixels.mp4": Kind([*H264, "-vf", "setsar=2", *AAC], size=(2 * WIDTH, HEIGHT)),
    "mpeg4.avi": Kind(["-c:v", "mpeg4", "-q:v", "5", "-bf", "2", "-c:a", "libmp3lame"]),
    "h264.avi": Kind([*H264, "-c:a", "libmp3lame"]),
    "old.flv": Kind(["-c:v", "flv1", "-q:v", "4", "-c:a", "libmp3lame", "-ar", "44100"]),
    "ac3.mkv": Kind([*H264, "-c:a", "ac3"]),
    "four_k.mp4": Kind(
        [*H264, "-preset", "ultrafast", "-vf", "scale=3840:2160:flags=neighbor", "-t", "1", *AAC],
        frames=25,
        size=(3840, 2160),
        duration_ms=1000,
        flashes=1,
    ),
}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kinds-")


@cache
def _master() -> Path:
    path = Path(_folder().name) / "master.mkv"
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND, "-c:v", "ffv1", *PCM, str(path))
    return path


@cache
def kind(name: str) -> Path:
    path = Path(_folder().name) / name
    if name in JOINED:
        JOINED[name](path)
    else:
        live = ["-f", "webm"] if "-live" in KINDS[name].made else []
        ffmpeg("-i", str(_master()), *KINDS[name].made, *live, str(path))
    return path


def _stored(turned: str, note: list[str], made: list[str], path: Path) -> None:
    """Stored another way than it is to be seen, with a note that says so."""
    lying = path.with_stem(f"{path.stem}-as-stored")
    ffmpeg("-i", str(_master()), "-vf", turned, *made, str(lying))
    ffmpeg(*note, "-i", str(lying), "-c", "copy", str(path))


def _of_plain(*options: str, again: tuple[str, ...] = ()) -> Callable[[Path], None]:
    """Of the plain one, which is read a second time with the options `again`."""

    def make(path: Path) -> None:
        plain = str(kind("plain.mp4"))
        second = [*again, "-i", plain] if again else []
        ffmpeg(*options[:2], "-i", plain, *second, *options[2:], "-c", "copy", str(path))

    return make


def _with_cover_first(path: Path) -> None:
    cover = path.with_name("cover.jpg")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x320:d=1", "-frames:v", "1", str(cover))
    tracks = ["-map", "0", "-map", "1", "-disposition:v:0", "attached_pic"]
    ffmpeg("-i", str(cover), "-i", str(kind("plain.mp4")), *tracks, "-c", "copy", str(path))


def _with_two_pictures(path: Path) -> None:
    tracks = ["-filter_complex", "[0:v]scale=64:36,negate[small]", "-map", "0", "-map", "[small]"]
    ffmpeg("-i", str(kind("plain.mp4")), *tracks, "-c", "copy", "-c:v:1", "libx264", str(path))


# Turned by hand, the picture lies on its side: a quarter to the left, which its note takes back.
JOINED: dict[str, Callable[[Path], None]] = {
    "upright.mov": lambda path: _stored(
        f"scale={HEIGHT}:{WIDTH}:flags=neighbor,setsar=1,transpose=cclock", ["-display_rotation", "-90"],
        KINDS["upright.mov"].made, path,
    ),
    "mirrored.mp4": lambda path: _stored("hflip", ["-display_hflip"], KINDS["mirrored.mp4"].made, path),
    "trimmed.mp4": _of_plain("-ss", "0.3"),
    "late_picture.mp4": _of_plain("-ss", "0", "-map", "1:v", "-map", "0:a", again=("-itsoffset", "0.7")),
    "late_sound.mp4": _of_plain("-ss", "0", "-map", "0:v", "-map", "1:a", again=("-itsoffset", "0.7")),
    "cover_first.mp4": _with_cover_first,
    "two_pictures.mov": _with_two_pictures,
}  # fmt: skip
