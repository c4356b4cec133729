"""Hostile files of every kind, each made on the spot, and what must come of it."""

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.canary import Canary
from tests.clips import clip, ffmpeg

ATTACK = Path(__file__).parent / "attack"
TABLE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
SCRIPT = b"<!doctype html><script>fetch('/v1/me')</script>"

Maker = Callable[[Canary], bytes]


def box(kind: bytes, *payload: bytes) -> bytes:
    body = b"".join(payload)
    return struct.pack(">I", len(body) + 8) + kind + body


def full(kind: bytes, flags: int, *payload: bytes) -> bytes:
    return box(kind, struct.pack(">I", flags), *payload)


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def places(data: bytes, path: Sequence[bytes]) -> list[int]:
    """Return where each box of the path begins."""
    low, high, found = 0, len(data), []
    for kind in path:
        while data[low + 4 : low + 8] != kind:
            low += int.from_bytes(data[low : low + 4], "big")
            assert low < high, kind
        found.append(low)
        low, high = low + 8, low + int.from_bytes(data[low : low + 4], "big")
    return found


def replaced(data: bytes, path: Sequence[bytes], new: bytes) -> bytes:
    """Put another box in the place of one, and correct the sizes of those around it.

    The index of the tiny clip comes last: nothing that it points at is moved.
    """
    *around, at = places(data, path)
    size = int.from_bytes(data[at : at + 4], "big")
    made = bytearray(data[:at] + new + data[at + size :])
    for outer in around:
        grown = int.from_bytes(made[outer : outer + 4], "big") + len(new) - size
        made[outer : outer + 4] = numbers(grown)
    return bytes(made)


def tiny() -> bytes:
    return clip("tiny.mp4").read_bytes()


# What names something else


def playlist(uri: str, *, before: str = "") -> bytes:
    body = f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{uri}\n#EXT-X-ENDLIST\n"
    return before.encode() + body.encode()


def concat(name: str, *, before: str = "") -> bytes:
    return f"{before}ffconcat version 1.0\nfile '{name}'\n".encode()


def manifest(uri: str, *, before: str = '<?xml version="1.0"?>') -> bytes:
    return (
        f'{before}<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT5S"><Period>'
        f'<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000"><BaseURL>{uri}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    ).encode()


def drawing(uri: str) -> bytes:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'
        f'<image xlink:href="{uri}" width="9" height="9"/></svg>'
    ).encode()


def session(canary: Canary) -> bytes:
    return (
        f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video {canary.port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    ).encode()


def subtitles(_: Canary) -> bytes:
    """An index of pictures that are read from the file of the same name with another ending."""
    return b"# VobSub index file, v7\nsize: 720x576\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n"


def referring(reference: bytes) -> bytes:
    """A video whose bytes are said to lie elsewhere."""
    return replaced(tiny(), (*TABLE[:4], b"dinf", b"dref"), full(b"dref", 0, numbers(1), reference))


def alias(canary: Canary) -> bytes:
    """As old Macintoshes name a file: by its volume and its path."""
    path = str(canary.folder / "victim.mp4").encode()
    path += b"\0" * (len(path) % 2)
    fixed = bytearray(150)
    fixed[6:8] = struct.pack(">H", 150)
    fixed[50], fixed[51:61] = 10, b"victim.mp4"
    record = bytes(fixed) + struct.pack(">HH", 18, len(path)) + path + struct.pack(">HH", 0xFFFF, 0)
    return full(b"alis", 0, record)


def reference_movie(canary: Canary) -> bytes:
    url = f"{canary.url}/a.mov".encode() + b"\0"
    entry = full(b"rdrf", 0, b"url ", numbers(len(url)), url)
    return box(b"ftyp", b"qt  ", numbers(0), b"qt  ") + box(b"moov", box(b"rmra", box(b"rmda", entry)))


# What is no video


def archive(_: Canary) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("video.mp4", bytes(10_000_000), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def program(_: Canary) -> bytes:
    return b"\x7fELF\x02\x01\x01" + random.Random(5).randbytes(4000)


# What claims too much


def stored(name: str) -> Maker:
    return lambda _: gzip.decompress((ATTACK / name).read_bytes())


def claiming_size(_: Canary) -> bytes:
    """30000 x 30000 in its container, 96 x 64 in its pictures."""
    made, at = bytearray(tiny()), places(tiny(), (*TABLE, b"stsd"))[-1] + 16
    made[at + 32 : at + 36] = struct.pack(">HH", 30_000, 30_000)
    return bytes(made)


def counting(kind: bytes, offset: int) -> Maker:
    """A table of 268 million entries in a file of a few kilobytes."""

    def make(_: Canary) -> bytes:
        made, at = bytearray(tiny()), places(tiny(), (*TABLE, kind))[-1] + offset
        made[at : at + 4] = numbers(0x0FFFFFFF)
        return bytes(made)

    return make


def index_of(size: bytes) -> Maker:
    """An index that says it is larger than any disk."""

    def make(_: Canary) -> bytes:
        made = tiny()
        at = places(made, (b"moov",))[-1]
        return made[:at] + size[:4] + b"moov" + size[4:] + made[at + 8 :]

    return make


def nested(_: Canary) -> bytes:
    depth = 20_000
    return box(b"ftyp", b"isom", numbers(512), b"isom") + b"".join(
        numbers(8 * (depth - level)) + b"moov" for level in range(depth)
    )


def samples_of_nothing(count: int, size: int) -> Maker:
    """Frames by the million in one fragment of a hundred bytes."""

    def make(_: Canary) -> bytes:
        head = full(b"tfhd", 0x20010, numbers(1, size))
        fragment = box(b"traf", head, full(b"trun", 0, numbers(count)))
        return clip("fragments.mp4").read_bytes() + box(b"moof", full(b"mfhd", 0, numbers(2)), fragment)

    return make


def samples_of_one_byte(count: int) -> Maker:
    def make(_: Canary) -> bytes:
        made = replaced(tiny(), (*TABLE, b"stsz"), full(b"stsz", 0, numbers(1, count)))
        made = replaced(made, (*TABLE, b"stsc"), full(b"stsc", 0, numbers(1, 1, count, 1)))
        return replaced(made, (*TABLE, b"stts"), full(b"stts", 0, numbers(1, count, 1)))

    return make


def edited(times: int) -> Maker:
    """The same second shown again and again by its edit list."""
    edits = numbers(1000, 0, 0x10000) * times
    elst = full(b"elst", 0, numbers(times), edits)
    return lambda _: replaced(tiny(), (b"moov", b"trak", b"edts", b"elst"), elst)


def many_streams(_: Canary) -> bytes:
    out = clip("tiny.mp4").with_name("streams.mp4")
    ffmpeg("-i", str(clip("tiny.mp4")), *["-map", "0:v"] * 40, "-c", "copy", str(out))
    return out.read_bytes()


def two_things(_: Canary) -> bytes:
    """A video that is a page, too, to whoever looks for one."""
    made = tiny()
    at = places(made, (b"moov",))[-1]
    return made[:at] + box(b"free", SCRIPT) + made[at:] + box(b"free", SCRIPT)


def of_clip(name: str) -> Maker:
    return lambda _: clip(name).read_bytes()


def of_bytes(data: bytes) -> Maker:
    return lambda _: data


# By name: how it is made, and the code it is refused with; none for what is read without harm.
NAMING: dict[str, tuple[Maker, str | None]] = {
    "hls_over_http": (lambda canary: playlist(f"{canary.url}/a.ts"), "unsupported_container"),
    "hls_of_a_sibling": (lambda _: playlist("victim.ts"), "unsupported_container"),
    "hls_of_a_path": (lambda canary: playlist(f"file://{canary.folder}/victim.ts"), "unsupported_container"),
    "hls_after_a_mark": (lambda _: playlist("victim.ts", before="\ufeff"), "unsupported_container"),
    "hls_after_a_line": (lambda _: playlist("victim.ts", before="# a talk\n"), "not_media"),
    "concat_of_a_sibling": (lambda _: concat("victim.mp4"), "unsupported_container"),
    "concat_of_a_path": (lambda canary: concat(f"{canary.folder}/victim.mp4"), "unsupported_container"),
    "concat_after_a_line": (lambda _: concat("victim.mp4", before="# a talk\n"), "not_media"),
    "dash": (lambda canary: manifest(f"{canary.url}/v.mp4"), "unsupported_container"),
    "dash_plain": (lambda canary: manifest(f"{canary.url}/v.mp4", before=""), "unsupported_container"),
    "dash_after_a_comment": (lambda _: manifest("victim.mp4", before="<!-- -->"), "not_media"),
    "svg": (lambda canary: drawing(f"file://{canary.folder}/victim.mp4"), "unsupported_container"),
    "svg_after_a_comment": (lambda canary: b"<!-- -->" + drawing(f"{canary.url}/a.png"), "not_media"),
    "sdp": (session, "unsupported_container"),
    "pls": (lambda canary: f"[playlist]\nFile1={canary.url}/a.mp3\n".encode(), "unsupported_container"),
    "vobsub": (subtitles, "unsupported_container"),
    "data_elsewhere": (lambda canary: referring(full(b"url ", 0, f"{canary.url}/a.mp4".encode() + b"\0")), None),
    "data_in_a_path": (lambda canary: referring(alias(canary)), None),
    "reference_movie": (reference_movie, "no_video_track"),
}
NOT_MEDIA: dict[str, tuple[Maker, str | None]] = {
    "empty": (of_bytes(b""), "empty_file"),
    "text": (of_clip("text.mp4"), "not_media"),
    "page": (of_bytes(SCRIPT), "not_media"),
    "archive": (archive, "not_media"),
    "program": (program, "not_media"),
    "noise": (of_bytes(random.Random(6).randbytes(65_536)), "not_media"),
}
CLAIMING: dict[str, tuple[Maker, str | None]] = {
    "large_in_its_container": (claiming_size, None),
    "large_in_h264": (stored("picture_16000x9000.mp4.gz"), "too_many_pixels"),
    "large_in_mjpeg": (stored("picture_30000x2000.mov.gz"), "too_many_pixels"),
    "one_frame_of_100_hours": (of_clip("one_frame_100h.mp4"), "too_long"),
    "index_of_4_gigabytes": (index_of(numbers(0xFFFFFFF0)), None),
    "index_of_a_terabyte": (index_of(numbers(1) + numbers(0x100, 0)), None),
    "sizes_by_the_million": (counting(b"stsz", 16), "corrupt"),
    "times_by_the_million": (counting(b"stts", 12), "corrupt"),
    "boxes_in_boxes": (nested, "corrupt"),
    "samples_of_nothing": (samples_of_nothing(50_000_000, 0), "corrupt"),
    "samples_of_one_byte": (samples_of_nothing(3_000_000, 1), None),
    "samples_in_one_chunk": (samples_of_one_byte(1_000_000), None),
    "edits_by_the_thousand": (edited(1000), None),
    "forty_streams": (many_streams, "unsupported_container"),
    "half": (of_clip("half.mp4"), "truncated"),
    "without_an_index": (of_clip("no_index.mp4"), "truncated"),
    "a_video_and_a_page": (two_things, None),
}
HOSTILE = NAMING | NOT_MEDIA | CLAIMING
