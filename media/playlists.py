"""HLS playlists, read once from ffmpeg and written by us, with whatever URLs the moment calls for."""

import math
import re
from collections.abc import Mapping, Sequence

import msgspec

from media.ladder import Tiles
from media.problems import MediaProblem

AUDIO_CODECS = "mp4a.40.2"  # AAC-LC, what the ladder encodes
VIDEO_FIELDS = re.compile(rb"avcC\x01(...)", re.DOTALL)
AUDIO = "audio"


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """Kept as a JSON array: a long video has thousands."""

    duration_s: float
    offset: int
    length: int


class RenditionIndex(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The byte ranges of one single-file rendition, and what a master playlist says of it. Bandwidths in bits/s.

    One that is `growing` has its segments so far, each of which is an object of its own. When it is whole, players
    whose URLs end by `pieces_until` (seconds since the epoch) may have begun with these, and go on with them.
    """

    init_length: int
    segments: tuple[Segment, ...]
    codecs: str
    average_bandwidth: int
    peak_bandwidth: int
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    growing: bool = False
    pieces_until: int | None = None

    @property
    def duration_ms(self) -> int:
        return round(sum(segment.duration_s for segment in self.segments) * 1000)


class Picture(msgspec.Struct, frozen=True):
    width: int
    height: int
    frame_rate: float


def rendition_index(
    playlist: str,
    init: bytes,
    picture: Picture | None = None,
    *,
    lasts_s: float | None = None,
    growing: bool = False,
) -> RenditionIndex:
    """From the playlist ffmpeg wrote and the rendition's first bytes; without a picture it is the sound.

    `lasts_s`: how long it is, where that is known better: of the last segment ffmpeg guesses from the first frame.
    `growing`: ffmpeg goes on writing.
    """
    start = re.search(r'#EXT-X-MAP:.*BYTERANGE="(\d+)@0"', playlist)
    found = re.findall(r"#EXTINF:([\d.]+),[^\n]*\n#EXT-X-BYTERANGE:(\d+)@(\d+)", playlist)
    if not start or not found or not (growing or "#EXT-X-ENDLIST" in playlist):
        raise MediaProblem("processing_failed", f"not a playlist of byte ranges: {playlist[:300]!r}")
    segments = tuple(Segment(float(duration), int(offset), int(length)) for duration, length, offset in found)
    if lasts_s is not None:
        left_s = lasts_s - sum(segment.duration_s for segment in segments[:-1])
        segments = (*segments[:-1], msgspec.structs.replace(segments[-1], duration_s=round(max(left_s, 0.001), 6)))
    total_s = sum(segment.duration_s for segment in segments)
    average = _bandwidth(sum(segment.length for segment in segments), total_s)
    return RenditionIndex(
        init_length=int(start.group(1)),
        segments=segments,
        codecs=_avc_codecs(init[: int(start.group(1))]) if picture else AUDIO_CODECS,
        average_bandwidth=average,
        # At least the average: of a last sliver less is counted than it has.
        peak_bandwidth=max(average, *(_bandwidth(segment.length, segment.duration_s) for segment in segments)),
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        frame_rate=picture.frame_rate if picture else None,
        growing=growing,
    )


def media_playlist(index: RenditionIndex, url: str) -> str:
    """Of one rendition, all of whose bytes are at `url` (absolute or not, with a query or without)."""
    lines = _head(index, "VOD")
    lines.append(f'#EXT-X-MAP:URI="{url}",BYTERANGE="{index.init_length}@0"')
    for segment in index.segments:
        lines += [f"#EXTINF:{segment.duration_s:.6f},", f"#EXT-X-BYTERANGE:{segment.length}@{segment.offset}", url]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def growing_playlist(index: RenditionIndex, init_url: str, urls: Sequence[str]) -> str:
    """Of a rendition whose segments have a URL each. Asked for again it differs by what was added, and by its end.

    Players begin such a one near its end, unless they are told where.
    """
    lines = [*_head(index, "EVENT"), "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES", f'#EXT-X-MAP:URI="{init_url}"']
    for segment, url in zip(index.segments, urls, strict=True):
        lines += [f"#EXTINF:{segment.duration_s:.6f},", url]
    return "\n".join([*lines, *([] if index.growing else ["#EXT-X-ENDLIST"]), ""])


def _head(index: RenditionIndex, kind: str) -> list[str]:
    longest_s = max(segment.duration_s for segment in index.segments)
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, round(longest_s))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{kind}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]


class Subtitles(msgspec.Struct, frozen=True):
    """Captions as a player chooses them; `url` is that of their playlist."""

    language: str
    label: str
    url: str


def subtitles_playlist(duration_ms: int, url: str) -> str:
    """Of captions that are one WebVTT file, as long as the video."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, math.ceil(duration_ms / 1000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXTINF:{duration_ms / 1000:.3f},",
        url,
        "#EXT-X-ENDLIST",
    ]
    return "\n".join([*lines, ""])


def master_playlist(
    renditions: Mapping[str, RenditionIndex],
    audio: RenditionIndex | None,
    urls: Mapping[str, str],
    subtitles: Sequence[Subtitles] = (),
) -> str:
    """`renditions` and `urls` by name; the sound is named `audio`. The leanest comes first, where players begin."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if audio:
        lines.append(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,'
            f'CHANNELS="2",URI="{urls[AUDIO]}"'
        )
    lines += _subtitles(subtitles)
    shown = ',SUBTITLES="captions"' if subtitles else ""
    for name, index in sorted(renditions.items(), key=lambda item: item[1].peak_bandwidth):
        lines += [f"#EXT-X-STREAM-INF:{_attributes(index, audio)}{shown}", urls[name]]
    return "\n".join([*lines, ""])


def _subtitles(subtitles: Sequence[Subtitles]) -> list[str]:
    """Each under a name of its own, as the format has it; a label cannot end its quotes."""
    lines, names = [], set[str]()
    for one in subtitles:
        label = re.sub(r'[\x00-\x1f"]', "", one.label) or one.language
        name = label if label not in names else f"{label} ({one.language})"
        names.add(name)
        lines.append(
            f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="{name}",LANGUAGE="{one.language}",'
            f'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="{one.url}"'
        )
    return lines


def _attributes(index: RenditionIndex, audio: RenditionIndex | None) -> str:
    peak, average, codecs = index.peak_bandwidth, index.average_bandwidth, index.codecs
    if audio:
        peak, average = peak + audio.peak_bandwidth, average + audio.average_bandwidth
        codecs = f"{codecs},{audio.codecs}"
    said = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f'CODECS="{codecs}"',
        f"RESOLUTION={index.width}x{index.height}",
        f"FRAME-RATE={index.frame_rate:.3f}",
    ]
    return ",".join([*said, 'AUDIO="sound"'] if audio else said)


def storyboard_vtt(tiles: Tiles, duration_ms: int, url: str) -> str:
    """WebVTT: which part of the picture at `url` shows which time."""
    cues = ["WEBVTT"]
    for number in range(tiles.count):
        start_ms = number * tiles.interval_ms
        end_ms = max(start_ms + 1, min(start_ms + tiles.interval_ms, duration_ms))
        row, column = divmod(number, tiles.columns)
        place = f"{column * tiles.width},{row * tiles.height},{tiles.width},{tiles.height}"
        cues.append(f"{_clock(start_ms)} --> {_clock(end_ms)}\n{url}#xywh={place}")
    return "\n\n".join(cues) + "\n"


def _clock(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{ms:03}"


def _avc_codecs(init: bytes) -> str:
    """Profile, constraints and level as the decoder will be configured (RFC 6381)."""
    match = VIDEO_FIELDS.search(init)
    if not match:
        raise MediaProblem("processing_failed", "a rendition without an H.264 configuration")
    return f"avc1.{match.group(1).hex()}"


def _bandwidth(length: int, duration_s: float) -> int:
    # Of a last sliver the rate says nothing: a player fetches it as fast as a tenth of a second.
    return max(1, round(length * 8 / max(duration_s, 0.1)))
