"""Files to attach, made on the spot: documents, and pictures with the notes that cameras leave in them."""

import io
import struct
import tempfile
import zipfile
import zlib
from functools import cache
from pathlib import Path

from tests.clips import ffmpeg

SECRET = b"GPS 48.1374 N 11.5755 E, PhoneOfAda"
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
RIGHT_SIDE_UP = 6  # a quarter to the right, in an Exif orientation


def office(folder: str, *more: str) -> bytes:
    """Return the archive that a document of Word (`word`), Excel (`xl`) or PowerPoint (`ppt`) is."""
    names = ["[Content_Types].xml", "_rels/.rels", f"{folder}/document.xml", *more]
    return zipped(dict.fromkeys(names, b"<xml/>"))


def open_document(kind: str, *more: str) -> bytes:
    said = f"application/vnd.oasis.opendocument.{kind}".encode()
    return zipped({"mimetype": said, "content.xml": b"<xml/>", **dict.fromkeys(more, b"")})


def zipped(parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target.getvalue()


@cache
def picture(ending: str) -> bytes:
    """Return a picture without notes; `jpg`, `png`, `gif` or `webp`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture.{ending}"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=1", "-frames:v", "1", str(path))
        return path.read_bytes()


def exif(orientation: int = RIGHT_SIDE_UP) -> bytes:
    """Return what a camera notes: which way is up, and where it was."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack("<HHII", 0x010E, 2, len(SECRET), 38)
    return b"II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0) + SECRET


def noted_jpeg(orientation: int = RIGHT_SIDE_UP) -> bytes:
    """A photograph with Exif, XMP, a comment, and a second picture behind it, each with its notes."""
    plain = picture("jpg")
    body, comment = b"Exif\0\0" + exif(orientation), SECRET
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + SECRET
    notes = b"".join(
        bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data
        for marker, data in ((0xE1, body), (0xE1, xmp), (0xE2, b"MPF\0" + SECRET), (0xFE, comment))
    )
    return plain[:2] + notes + plain[2:] + plain[:2] + notes + plain[2:]


def noted_png() -> bytes:
    plain = picture("png")
    at = 8 + 25  # behind the header
    return plain[:at] + _chunk(b"tEXt", b"Comment\0" + SECRET) + _chunk(b"eXIf", exif()) + plain[at:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def noted_webp() -> bytes:
    """In the extended form, as notes want it."""
    plain = picture("webp")
    pictures = plain[12:] if plain[12:16] != b"VP8X" else plain[30:]
    head = b"VP8X" + struct.pack("<I", 10) + bytes([0x08, 0, 0, 0]) + bytes([63, 0, 0, 47, 0, 0])
    notes = exif() + b"\0" * (len(exif()) % 2)
    body = b"WEBP" + head + pictures + b"EXIF" + struct.pack("<I", len(exif())) + notes
    return b"RIFF" + struct.pack("<I", len(body)) + body


def decoded(data: bytes, ending: str) -> bytes:
    """Return the pixels as they are stored, whichever way is up."""
    with tempfile.TemporaryDirectory() as folder:
        source, pixels = Path(folder) / f"a.{ending}", Path(folder) / "a.rgb"
        source.write_bytes(data)
        ffmpeg("-noautorotate", "-i", str(source), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", str(pixels))
        return pixels.read_bytes()


@cache
def voice() -> bytes:
    """Return two seconds of sound without a picture."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.m4a"
        ffmpeg("-f", "lavfi", "-i", "sine=f=440:r=48000:d=2", "-c:a", "aac", str(path))
        return path.read_bytes()
