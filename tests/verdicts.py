"""What is wrong with what became of a video: empty lists where nothing is."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from media.facts import Probe
from media.pipeline import make_voice
from media.probe import probe, probe_voice
from media.problems import MediaProblem
from media.voice import as_video
from tests.clips import TOOLS, ffmpeg
from tests.colours import SDR, colours
from tests.kinds import KINDS, SECRETS, kind
from tests.manifest import Row
from tests.sync import Seen, count_frames, see
from tests.whole import Whole, make_whole

SYNC_MS = 25  # forty is what a person notices
LENGTH_MS = 100
CORNERS, RED = "scale=8:8:flags=area,format=yuv444p", 170
CUT = (280, 2680)
OURS = frozenset({
    *["major_brand", "minor_version", "compatible_brands", "encoder", "language", "handler_name", "vendor_id"],
    *["duration", "creation_time"],
})  # fmt: skip


async def wrong_with_kind(name: str, folder: Path) -> list[str]:
    """Make all of one of KINDS, see each way to it, and return what is not as it should be."""
    whole, before = await make_whole(kind(name), folder), see(kind(name))
    expected = KINDS[name]
    wrong = [*_facts(whole.facts, expected.size, expected.frames, expected.duration_ms), *wrong_with_outputs(whole)]
    for path, (video, sound) in whole.paths.items():
        frames = expected.frames if _is_copy(whole, path) else expected.frames_of_rungs
        wrong += _seen(path, see(video, sound), before, frames=frames, pairs=len(before.errors_ms(before.apart_s)))
        wrong += _red_is_where_it_should_be(path, video)
    if whole.facts.duration_ms > CUT[1]:
        for path, clip in (await whole.cut(*CUT)).items():
            wrong += _seen(path, see(clip.path), before, frames=0, pairs=1)
            wrong += _length(path, clip.facts.duration_ms, CUT[1] - CUT[0])
    return [f"{name}: {what}" for what in wrong]


def _is_copy(whole: Whole, path: str) -> bool:
    return path == "first" and whole.playable.how == "copy"


def _facts(found: Probe, size: tuple[int, int], frames: int, duration_ms: int) -> Iterator[str]:
    if (found.width, found.height) != size:
        yield f"{found.width}x{found.height} was found, {size} is true"
    if found.frames != frames:
        yield f"{found.frames} frames were found, {frames} is true"
    yield from _length("the source", found.duration_ms, duration_ms)


def _length(what: str, found_ms: int, true_ms: int) -> Iterator[str]:
    if abs(found_ms - true_ms) > LENGTH_MS:
        yield f"{what} lasts {found_ms} ms, not {true_ms}"


def _seen(path: str, after: Seen, before: Seen, *, frames: int, pairs: int) -> Iterator[str]:
    errors = after.errors_ms(before.apart_s)
    if len(errors) < pairs or max(map(abs, errors)) > SYNC_MS:
        yield f"{path}: sound is late by {errors} ms"
    if frames and after.frames != frames:
        yield f"{path}: {after.frames} frames, not {frames}"


def _red_is_where_it_should_be(path: str, video: Path) -> Iterator[str]:
    red = ffmpeg("-i", str(video), "-frames:v", "1", "-vf", CORNERS, "-f", "rawvideo", "-")[-64:]
    corners = {"upper left": red[0], "upper right": red[7], "lower left": red[56]}
    if [name for name, value in corners.items() if value > RED] != ["upper left"]:
        yield f"{path}: turned the wrong way: {corners}"


def wrong_with_outputs(whole: Whole) -> Iterator[str]:
    """What must hold of anything that is served, whatever it was made of."""
    source, made = whole.facts, whole.playable.facts
    yield from _length("the first file", made.duration_ms, source.duration_ms)
    for file in whole.ladder.files:
        yield from _length(f"file {file.name}", file.facts.duration_ms, source.duration_ms)
        yield from _plays_anywhere(file.name, file.facts)
    for rung in whole.rungs:
        yield from _length(f"rung {rung.name}", rung.index.duration_ms, source.video_ms)
        yield from _shape(f"rung {rung.name}", (rung.width or 0, rung.height or 0), source)
    # Players that leave out edit lists, or a part of them, must show picture and sound in step all the same.
    yield from (f"{one.name} has an edit list" for one in whole.renditions if b"elst" in one.path.read_bytes()[:4096])
    yield from _shape("the first file", (made.width, made.height), source)
    if whole.playable.how == "encode":
        yield from _plays_anywhere("the first file", made)
    yield from _says_its_colours(whole)
    if (whole.sound is None) != (source.audio is None):
        yield f"sound: {whole.sound}, of {source.audio}"
    yield from _told(whole)


def _plays_anywhere(what: str, made: Probe) -> Iterator[str]:
    found = (
        made.codec,
        made.pix_fmt.replace("yuvj", "yuv"),
        made.transfer,
        made.interlaced,
        made.audio and made.audio.codec,
    )
    if found[:4] != ("h264", "yuv420p", "sdr", False) or found[4] not in (None, "aac"):
        yield f"{what} is {found}"
    if made.width % 2 or made.height % 2 or not made.square_pixels:
        yield f"{what} is {made.width}x{made.height}, {made.square_pixels=}"


def _says_its_colours(whole: Whole) -> Iterator[str]:
    """As what we serve is, or, where the pictures are a copy, as the source does."""
    true = [SDR, colours(whole.source)] if whole.playable.how == "copy" else [SDR]
    for path in sorted({video for video, _ in whole.paths.values()}):
        if (found := colours(path)) not in true:
            yield f"{path.name} says of its colours: {found}"


def _shape(what: str, size: tuple[int, int], source: Probe) -> Iterator[str]:
    width, height = size
    true = width * source.height / max(1, height)
    if abs(true - source.width) > max(2 * source.width / max(1, width), 1.5 * source.width / max(1, height)):
        yield f"{what} is {size}, of {source.width}x{source.height}"


def _told(whole: Whole) -> Iterator[str]:
    """Nothing of what the source says of itself is in what is served."""
    secrets = {secret.encode() for secret in SECRETS} | {value.encode() for value in _said(whole.source).values()}
    for path in whole.served:
        for name in sorted(_said(path)):
            yield f"{path.name} says {name}"
        data = path.read_bytes()
        for secret in sorted(secret for secret in secrets if len(secret) >= 6 and secret in data):
            yield f"{path.name} holds {secret!r}"


def _said(path: Path) -> dict[str, str]:
    argv = [TOOLS.binaries.ffprobe, "-v", "error", "-show_entries", "format_tags:stream_tags:chapter_tags"]
    argv += ["-show_chapters", "-of", "flat", str(path)]
    said = subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout.decode(errors="replace")
    found = re.findall(r'tags\.([^=]+)="(.*)"$', said, re.MULTILINE)
    return {name: value for name, value in found if name.lower() not in OURS and not value.startswith("Lav")}


async def wrong_with_clip(row: Row, folder: Path) -> list[str]:
    """Do with a real clip what the worker does, and return what does not end as its manifest says."""
    try:
        found = await probe(row.path, binaries=TOOLS.binaries)
        whole = await make_whole(row.path, folder, found)
    except MediaProblem as problem:
        return [f"{row.path.name}: {what}" for what in await _refused(row, problem, folder)]
    if row.expect != "ready":
        return [f"{row.path.name} was taken, {row.expect} was expected"]
    wrong = [*_facts(found, row.size, row.frames, row.lasts_ms), *wrong_with_outputs(whole)]
    decoded = {path.name: count_frames(path) for path in (whole.playable.playable, whole.rungs[-1].path)}
    wrong += [f"{name}: {frames} frames, not {row.frames}" for name, frames in decoded.items() if frames != row.frames]
    return [f"{row.path.name}: {what}" for what in wrong]


async def _refused(row: Row, problem: MediaProblem, folder: Path) -> list[str]:
    if row.expect == "failed":
        return [f"{problem} may be tried again"] if problem.retryable else []
    if row.expect == "audio_only" and problem.code == "no_video_track":
        return await _wrong_with_voice(row, folder)
    return [f"{problem}, {row.expect} was expected"]


async def _wrong_with_voice(row: Row, folder: Path) -> list[str]:
    """Where a prompt allows a voice alone, it plays over a picture of its waveform."""
    heard = as_video(await probe_voice(row.path, binaries=TOOLS.binaries))
    made = await make_voice(row.path, heard, folder, TOOLS)
    wrong = [*_length("the voice", heard.duration_ms, row.lasts_ms), *_plays_anywhere("the first file", made.facts)]
    wrong += _length("the first file", made.facts.duration_ms, row.lasts_ms)
    if made.facts.audio is None or not made.poster.exists():
        wrong.append(f"{made.facts.audio=}")
    return wrong
