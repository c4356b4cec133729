"""A small talking video of our own making: a drawn face, and a synthetic voice that positions a product."""

from importlib import resources
from pathlib import Path

import ffmpeg

from media.binaries import Binaries
from media.ffmpeg import encoding, run

DURATION_MS = 18_900
WIDTH, HEIGHT = 720, 1280
COST_S = 5.0  # for a second of it

# An ellipse with two round eyes, as an alpha mask over one frame that is then repeated.
_FACE = (
    "255*lte(pow((X-210)/210,2)+pow((Y-260)/260,2),1)"
    "-255*lte(pow((X-130)/26,2)+pow((Y-190)/26,2),1)"
    "-255*lte(pow((X-290)/26,2)+pow((Y-190)/26,2),1)"
)


async def make_sample(path: Path, binaries: Binaries, duration_ms: int = DURATION_MS) -> None:
    """Write a portrait H.264 and AAC clip, as a phone would record it: 0.7 MB a second, 18.9 s at most.

    Raises:
        FfmpegFailed: the encoder is missing or broken.
    """
    voice_file = resources.files("media.sample").joinpath("voice.m4a")
    with resources.as_file(voice_file) as voice:
        argv = [binaries.ffmpeg, *_graph(voice, path, duration_ms).get_args()]
        await run(argv, folder=path.parent, bounds=encoding(COST_S * duration_ms / 1000, 64 << 20))


def _graph(voice_path: Path, path: Path, duration_ms: int) -> ffmpeg.nodes.OutputStream:
    sound = ffmpeg.input(str(voice_path)).audio.filter_multi_output("asplit")
    colours = {"c0": "0x1b3a57", "c1": "0x3b6f8f", "x0": 0, "y0": 0, "x1": WIDTH, "y1": HEIGHT, "speed": 0.01}
    wall = ffmpeg.input(_source("gradients", s=f"{WIDTH}x{HEIGHT}", r=30, d=19, **colours), format="lavfi")
    skin = ffmpeg.input(_source("color", c="0xe8b48c", s="420x520", r=1, d=1), format="lavfi")
    face = skin.filter("format", "yuva420p").filter("geq", lum="lum(X,Y)", cb="cb(X,Y)", cr="cr(X,Y)", a=_FACE)
    face = face.filter("loop", loop=-1, size=1).filter("fps", 30)
    mouth = sound[1].filter("showwaves", s="180x90", mode="cline", rate=30, colors="0x8c2f39")
    picture = wall.overlay(face, x=150, y=330).overlay(mouth, x=270, y=690)
    picture = picture.filter("noise", alls=6, allf="t").filter("format", "yuv420p")
    rate = {"video_bitrate": "5500k", "maxrate": "6500k", "bufsize": "6500k"}
    options = {"vcodec": "libx264", "preset": "ultrafast", "g": 60, "acodec": "aac", "movflags": "+faststart", **rate}
    written = ffmpeg.output(picture, sound[0], str(path), t=duration_ms / 1000, **options)
    return written.global_args("-hide_banner", "-nostdin", "-v", "error", "-y")


def _source(name: str, **options: object) -> str:
    return name + "=" + ":".join(f"{key}={value}" for key, value in options.items())
