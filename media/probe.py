"""What an upload is, found without trusting it: refused by policy, or described by facts that were measured."""

import asyncio
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from media import ffmpeg
from media.binaries import Binaries
from media.commands import header_args
from media.facts import Audio, Limits, Probe, Voice
from media.packets import Packets, Track, scan
from media.problems import MediaProblem

__all__ = ["Audio", "Limits", "Probe", "Voice", "judge", "probe", "probe_voice", "refuse", "refuse_bytes"]

Json = Mapping[str, Any]

PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<MPD", b"<?xml", b"<svg", b"[playlist]")
ENCRYPTED_TAGS = frozenset({"encv", "enca", "drmi", "drms", "drmv"})
TRUNCATION_MS = 500
SQUARE = Fraction(1)
GUESSING = ("aac", "amr", "mp3")  # nothing in them says how long they are: it is guessed from their bit rate


async def probe(path: Path, *, binaries: Binaries, limits: Limits | None = None) -> Probe:
    """Read the header, refuse by policy, then read all packets. Raises MediaProblem. Nothing is decoded in full."""
    limits = limits or Limits()
    header, size_bytes = await _read_header(path, binaries, limits)
    return judge(header, await _scan(path, binaries), size_bytes, limits)


async def probe_voice(path: Path, *, binaries: Binaries, limits: Limits | None = None) -> Voice:
    """As `probe`, where a voice alone will do. Raises MediaProblem, also when there is none either."""
    limits = limits or Limits()
    header, size_bytes = await _read_header(path, binaries, limits, voice=True)
    return judge_voice(header, await _scan(path, binaries), size_bytes, limits)


async def _read_header(path: Path, binaries: Binaries, limits: Limits, *, voice: bool = False) -> tuple[Json, int]:
    size_bytes, head = await asyncio.to_thread(_first_look, path)
    if problem := refuse_bytes(size_bytes, head, limits):
        raise problem
    header, tail = await _header(path, head, binaries)
    if problem := refuse(header, limits, tail, voice=voice):
        raise problem
    return header, size_bytes


async def _scan(path: Path, binaries: Binaries) -> Packets:
    try:
        return await scan(path, binaries)
    except ffmpeg.FfmpegFailed as failed:
        raise MediaProblem(failed.code if failed.from_outside else "corrupt", failed.tail) from failed


def _first_look(path: Path) -> tuple[int, bytes]:
    with path.open("rb") as file:
        return path.stat().st_size, file.read(64)


async def _header(path: Path, head: bytes, binaries: Binaries) -> tuple[Json, str]:
    try:
        finished = await ffmpeg.run([binaries.ffprobe, *header_args(path)], folder=path.parent, bounds=ffmpeg.PROBING)
    except ffmpeg.FfmpegFailed as failed:
        raise MediaProblem(unreadable(head, failed), failed.detail) from failed
    return msgspec.json.decode(finished.stdout), finished.tail


def refuse_bytes(size_bytes: int, head: bytes, limits: Limits) -> MediaProblem | None:
    """By size and first bytes alone, before any tool sees the file: a playlist names other files."""
    if size_bytes == 0:
        return MediaProblem("empty_file")
    if size_bytes > limits.max_bytes:
        return MediaProblem("too_large", f"{size_bytes} bytes")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(PLAYLISTS):
        return MediaProblem("unsupported_container", f"begins with {head[:16]!r}")
    return None


def unreadable(head: bytes, failed: ffmpeg.FfmpegFailed) -> str:
    """The code for a file whose header could not be read."""
    if failed.code == "too_many_pixels" or failed.from_outside:
        return failed.code
    if "not on whitelist" in failed.tail or "exceeds max_streams" in failed.tail:
        return "unsupported_container"
    if head[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "corrupt" if head.startswith((b"\x1aE\xdf\xa3", b"RIFF")) else "not_media"
    return "truncated" if "moov atom not found" in failed.tail else "corrupt"


def refuse(header: Json, limits: Limits, tail: str = "", *, voice: bool = False) -> MediaProblem | None:
    """By what the header claims: before anything is decoded or encoded, since a claim alone can cost hours.

    `voice`: sound alone will do.
    """
    streams = header.get("streams", [])
    if len(streams) > limits.max_streams:
        return MediaProblem("unsupported_container", f"{len(streams)} streams")
    if any(_is_encrypted(stream) for stream in streams):
        return MediaProblem("encrypted")
    if (claimed_ms := _claimed_ms(header)) > limits.max_duration_ms:
        return MediaProblem("too_long", f"claims {claimed_ms} ms")
    video = video_stream(header)
    if video is None and voice and _audio_stream(header):
        return None
    if video is None:
        return MediaProblem("no_video_track", f"{[stream.get('codec_type') for stream in streams]}")
    return _refuse_picture(video, limits, tail)


def _refuse_picture(video: Json, limits: Limits, tail: str) -> MediaProblem | None:
    pixels = _int(video.get("width")) * _int(video.get("height"))
    if pixels > limits.max_pixels or (pixels == 0 and "exceeds specified max pixel count" in tail):
        return MediaProblem("too_many_pixels", f"{video.get('width')}x{video.get('height')}")
    if not video.get("codec_name") or pixels == 0:
        return MediaProblem("unsupported_codec", str(video.get("codec_tag_string")))
    return None


def judge(header: Json, packets: Packets, size_bytes: int, limits: Limits) -> Probe:
    """The facts, from what is claimed and what is there. Raises MediaProblem where the two are too far apart."""
    found = video_stream(header)
    assert found is not None
    video = packets.track(found["index"])
    sound = _audio_stream(header)
    tracks = [packets.track(stream["index"]) for stream in _used(header)]
    origin_s = min((track.start_s for track in tracks if track.pts), default=0.0)
    end_s = max(track.end_s for track in tracks)
    duration_ms = round((end_s - origin_s) * 1000)
    _hold_against_claim(header, packets, duration_ms)
    if any(track.encrypted for track in tracks):
        raise MediaProblem("encrypted")
    if not video.pts:
        raise MediaProblem("corrupt", "no frame in the video track")
    if duration_ms > limits.max_duration_ms:
        raise MediaProblem("too_long", f"{duration_ms} ms")
    decoded = len(video.pts) + video.hidden
    if (pixels := decoded * _int(found["width"]) * _int(found["height"])) > limits.max_all_pixels:
        raise MediaProblem("too_much_work", f"{decoded} pictures, {pixels} pixels; {limits.max_all_pixels} are allowed")
    return Probe(
        container=header["format"]["format_name"],
        size_bytes=size_bytes,
        duration_ms=duration_ms,
        video_ms=round((video.end_s - origin_s) * 1000),
        video_index=found["index"],
        codec=found["codec_name"],
        profile=str(found.get("profile", "")),
        level=_int(found.get("level")),
        frames=video.frames(),
        decoded=decoded,
        last_frame_ms=round((max(video.pts) - origin_s) * 1000),
        trimmed=video.hidden > 0,
        start_ms=round((video.start_s - origin_s) * 1000),
        audio=_audio(sound, packets, origin_s) if sound and packets.track(sound["index"]).pts else None,
        has_location=_has_location(header),
        **_rhythm(video, _rate(found)),
        **_picture(found),
    )


def judge_voice(header: Json, packets: Packets, size_bytes: int, limits: Limits) -> Voice:
    """As `judge`, of a file without pictures."""
    found = _audio_stream(header)
    assert found is not None
    sound, container = packets.track(found["index"]), header["format"]["format_name"]
    duration_ms = round((sound.end_s - sound.start_s) * 1000)
    if container not in GUESSING:
        _hold_against_claim(header, packets, duration_ms)
    if sound.encrypted:
        raise MediaProblem("encrypted")
    if duration_ms <= 0:
        raise MediaProblem("corrupt", "no sound in the track")
    if duration_ms > limits.max_duration_ms:
        raise MediaProblem("too_long", f"{duration_ms} ms")
    return Voice(
        container=container,
        size_bytes=size_bytes,
        duration_ms=duration_ms,
        audio=_audio(found, packets, sound.start_s),
        has_location=_has_location(header),
    )


def _hold_against_claim(header: Json, packets: Packets, duration_ms: int) -> None:
    missing_ms = _missing_ms(header, packets)
    cut_short = "partial file" in packets.tail or "ended prematurely" in packets.tail
    # Without the demuxer's own word a claim may be merely loose, as it is in odd edit lists.
    allowed_ms = TRUNCATION_MS if cut_short else max(2 * TRUNCATION_MS, _claimed_ms(header) // 20)
    if missing_ms > allowed_ms or (cut_short and missing_ms > duration_ms // 10):
        raise MediaProblem("truncated", f"{duration_ms} ms there, {missing_ms} ms missing")


def _missing_ms(header: Json, packets: Packets) -> int:
    """How far the packets end before what the tracks claim, or the container where tracks claim nothing."""
    claims = {stream["index"]: _claimed_end_s(stream) for stream in _used(header)}
    missing = [end_s - packets.track(index).end_s for index, end_s in claims.items() if end_s]
    if not missing:
        tracks = packets.tracks.values()
        # Some containers say how long it is, and some, whose clock begins late, when it ends.
        end_s = max((track.end_s for track in tracks), default=0.0)
        there_s = max(end_s, end_s - min((track.start_s for track in tracks), default=0.0))
        missing = [_float(header.get("format", {}).get("duration")) - there_s]
    return round(max(missing) * 1000)


def _rhythm(video: Track, nominal: float) -> dict[str, Any]:
    span_s = video.end_s - video.start_s
    return {
        "frame_rate": round(video.frame_rate() or min(nominal, 60.0) or 30.0, 3),
        "variable_frame_rate": video.is_variable(),
        "longest_gop_ms": round(video.longest_gop_s() * 1000),
        "closed_gops": bool(video.keyframes) and not video.open_gop,
        "reordered": video.is_reordered(),
        "bit_rate": round(video.size_bytes * 8 / span_s) if span_s > 0 else 0,
    }


def _picture(stream: Json) -> dict[str, Any]:
    rotation, mirrored = _orientation(stream)
    coded_width, coded_height = _int(stream["width"]), _int(stream["height"])
    aspect = _aspect(stream)
    # Squared by widening or by heightening, so that no line is lost.
    width = round(coded_width * max(aspect, SQUARE))
    height = round(coded_height / min(aspect, SQUARE))
    if rotation in (90, 270):
        width, height = height, width
    pix_fmt = str(stream.get("pix_fmt", ""))
    depth = re.search(r"(9|1[0-6])(le|be)$", pix_fmt)
    transfers = {"arib-std-b67": "hlg", "smpte2084": "pq"}
    return {
        "width": width,
        "height": height,
        "coded_width": coded_width,
        "coded_height": coded_height,
        "rotation": rotation,
        "upright": rotation == 0 and not mirrored,
        "square_pixels": aspect == SQUARE,
        "pix_fmt": pix_fmt,
        "bit_depth": int(depth.group(1)) if depth else 8,
        "transfer": transfers.get(str(stream.get("color_transfer")), "sdr"),
        "matrix": _known(stream.get("color_space")),
        "primaries": _known(stream.get("color_primaries")),
        "full_range": stream.get("color_range") == "pc" or pix_fmt.startswith("yuvj"),
        "interlaced": stream.get("field_order", "progressive") not in ("progressive", "unknown"),
    }


def video_stream(header: Json) -> Json | None:
    """The first video that is no cover picture."""
    for stream in header.get("streams", []):
        shown = stream.get("disposition", {})
        if stream.get("codec_type") == "video" and not (shown.get("attached_pic") or shown.get("timed_thumbnails")):
            return dict(stream)
    return None


def _audio_stream(header: Json) -> Json | None:
    """The first that can be decoded: phones put their spatial sound beside a plain track."""
    for stream in header.get("streams", []):
        known = _known(stream.get("codec_name")) and _int(stream.get("sample_rate")) and _int(stream.get("channels"))
        if stream.get("codec_type") == "audio" and known:
            return dict(stream)
    return None


def _used(header: Json) -> list[Json]:
    return [stream for stream in (video_stream(header), _audio_stream(header)) if stream]


def _audio(stream: Json, packets: Packets, origin_s: float) -> Audio:
    return Audio(
        index=stream["index"],
        codec=stream["codec_name"],
        channels=_int(stream["channels"]),
        sample_rate=_int(stream["sample_rate"]),
        start_ms=round((packets.track(stream["index"]).start_s - origin_s) * 1000),
    )


def _is_encrypted(stream: Json) -> bool:
    return stream.get("codec_tag_string") in ENCRYPTED_TAGS or "enc_key_id" in stream.get("tags", {})


def _has_location(header: Json) -> bool:
    tags = [header.get("format", {}), *header.get("streams", [])]
    names = (name.lower() for holder in tags for name in holder.get("tags", {}))
    return any("location" in name or "gps" in name or name == "\xa9xyz" for name in names)


def _orientation(stream: Json) -> tuple[int, bool]:
    """Clockwise degrees to turn the stored picture by, and whether it is mirrored as well."""
    for data in stream.get("side_data_list", []):
        if "displaymatrix" in data:
            rows = [line.partition(":")[2].split() for line in data["displaymatrix"].splitlines() if ":" in line]
            (a, b, *_), (c, d, *_) = ([_float(number) for number in row] for row in rows[:2])
            return round(-_float(data.get("rotation")) / 90) * 90 % 360, a * d < b * c
    return 0, False


def _aspect(stream: Json) -> Fraction:
    """Of one pixel, width by height; wild ones are taken for square."""
    match = re.fullmatch(r"(\d+):(\d+)", str(stream.get("sample_aspect_ratio")))
    if not match or "0" in match.groups():
        return SQUARE
    aspect = Fraction(int(match.group(1)), int(match.group(2)))
    return aspect if Fraction(1, 4) <= aspect <= 4 else SQUARE


def _rate(stream: Json) -> float:
    over, _, under = str(stream.get("avg_frame_rate", "0/1")).partition("/")
    return _float(over) / (_float(under) or 1.0)


def _claimed_ms(header: Json) -> int:
    claims = [_float(holder.get("duration")) for holder in (header.get("format", {}), *_used(header))]
    return round(max(claims) * 1000)


def _claimed_end_s(stream: Json) -> float:
    duration = _float(stream.get("duration"))
    return _float(stream.get("start_time")) + duration if duration else 0.0


def _known(value: Any) -> str:
    return "" if value in (None, "unknown", "reserved", "none") else str(value)


def _float(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if abs(number) < 1e12 else 0.0  # also NaN and infinity


def _int(value: Any) -> int:
    return int(_float(value))
