"""What cameras write into pictures beside the picture: where it was taken, when, and with what. It is not passed on.

The pictures themselves stay as they are, byte for byte; of a JPEG, which way is up is kept.
"""

import struct
from collections.abc import Iterator

from media.problems import MediaProblem

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME")
_WEBP_NOTES = (b"EXIF", b"XMP ")
_WEBP_FLAGS = 0x08 | 0x04  # of VP8X: it has Exif, it has XMP
_ORIENTATION = 0x0112
_SOS, _EOI = 0xDA, 0xD9
# What a picture needs to be seen right: JFIF, a colour profile, Adobe's colour transform. All other APPn go, and COM.
_JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_JPEG_ALONE = (0x01, *range(0xD0, 0xD8))


def without_notes(data: bytes, content_type: str) -> bytes:
    """Return the picture without its notes; what is no JPEG, PNG or WebP as it is.

    Raises:
        MediaProblem: it is damaged.
    """
    try:
        if content_type == "image/jpeg":
            return b"".join(_jpeg(data))
        if content_type == "image/png":
            return b"".join(_png(data))
        if content_type == "image/webp":
            return _webp(data)
    except (struct.error, IndexError) as error:
        raise MediaProblem("file_damaged", str(error)) from error
    return data


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    if (orientation := _orientation(data)) is not None:
        yield _exif_of(orientation)
    for marker, start, end in _segments(data):
        if not _is_note(marker, data[start + 4 : end]):
            yield data[start:end]


def _is_note(marker: int, body: bytes) -> bool:
    if marker in _JPEG_KEPT:
        return not body.startswith(_JPEG_KEPT[marker])
    return 0xE0 <= marker <= 0xEF or marker == 0xFE


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker and the span of each segment; the last is the pictures' data, up to the end of the image."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise MediaProblem("file_damaged", f"no marker at {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
            continue
        if marker in _JPEG_ALONE:
            yield marker, at, at + 2
            at += 2
            continue
        if marker == _EOI:
            raise MediaProblem("file_damaged", "it ends before its picture")
        end = at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])
        if end > len(data):
            raise MediaProblem("file_damaged", "it ends within a segment")
        if marker == _SOS:
            yield marker, at, _end_of_image(data, end)
            return
        yield marker, at, end
        at = end


def _end_of_image(data: bytes, at: int) -> int:
    """Phones put more behind the image: another one, a short film, each with notes of its own."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        marker = data[at + 1]
        if marker == _EOI:
            return at + 2
        if marker in (0x00, 0xFF, *_JPEG_ALONE):
            at += 1 if marker == 0xFF else 2
        else:  # the next scan of a progressive one, or its tables
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    raise MediaProblem("file_damaged", "the image has no end")


def _orientation(data: bytes) -> int | None:
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            return _orientation_in(body[6:])
    return None


def _orientation_in(tiff: bytes) -> int | None:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    [first] = struct.unpack_from(f"{order}I", tiff, 4)
    [count] = struct.unpack_from(f"{order}H", tiff, first)
    for place in range(min(count, 200)):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * place)
        if tag == _ORIENTATION:
            return value if 1 <= value <= 8 else None
    return None


def _exif_of(orientation: int) -> bytes:
    """Return a segment that says which way is up, and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, orientation, 0)
    body = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(data: bytes) -> Iterator[bytes]:
    yield _PNG_HEAD
    at = len(_PNG_HEAD)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise MediaProblem("file_damaged", "it ends within a chunk")
        if kind not in _PNG_NOTES:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> bytes:
    chunks, at, last = [], 12, min(len(data), 8 + int(struct.unpack_from("<I", data, 4)[0]))
    while at < last:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if end > last:
            raise MediaProblem("file_damaged", "it ends within a chunk")
        if kind == b"VP8X":
            chunks.append(data[at : at + 8] + bytes([data[at + 8] & ~_WEBP_FLAGS & 0xFF]) + data[at + 9 : end])
        elif kind not in _WEBP_NOTES:
            chunks.append(data[at:end])
        at = end
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
