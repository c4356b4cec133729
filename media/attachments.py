"""What kind of file an attachment is, by its bytes: neither its name nor what a client says of it is believed.

Nothing here is opened by a program or run. Documents are told by how they begin and what their table of contents
names; what could do something when somebody opens it, a macro or a page, is not taken.
"""

import codecs
import zipfile
from pathlib import Path
from typing import NamedTuple

from media.problems import MediaProblem

FILE = "file"
"""The name of the one rendition of an attachment that is a file, and of what its facts say of it."""
HEAD_BYTES = 4096
# A document names some hundred parts; of what names more, the list is not even read.
MOST_LISTED_BYTES = 4 * 1024 * 1024
_END = b"PK\x05\x06"
_END_BYTES = 22
_MOST_COMMENT_BYTES = 65_535


class FileKind(NamedTuple):
    """`ending` is that of its key, and of its name when it is saved; `names` are endings it may have as well."""

    ending: str
    content_type: str
    names: tuple[str, ...] = ()


PDF = FileKind("pdf", "application/pdf")
JPEG = FileKind("jpg", "image/jpeg", ("jpeg", "jpe"))
PNG = FileKind("png", "image/png")
GIF = FileKind("gif", "image/gif")
WEBP = FileKind("webp", "image/webp")
TEXT = FileKind("txt", "text/plain", ("md", "csv", "tsv", "srt", "vtt"))
_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
WORD = FileKind("docx", f"{_OOXML}.wordprocessingml.document")
SHEET = FileKind("xlsx", f"{_OOXML}.spreadsheetml.sheet")
SLIDES = FileKind("pptx", f"{_OOXML}.presentationml.presentation")
_BY_FOLDER = {"word/": WORD, "xl/": SHEET, "ppt/": SLIDES}
_BY_MIMETYPE = {
    f"{_ODF}.{name}".encode(): FileKind(ending, f"{_ODF}.{name}")
    for name, ending in (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp"))
}
_BEGINNINGS = (
    (b"%PDF-", PDF),
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
)
_PROGRAMS = ("vbaproject.bin", "vbadata.xml", "activex", "basic/", "scripts/")


def file_kind(path: Path) -> FileKind | None:
    """Return what a file is, or None: then it may be a recording, which the probe tells.

    Raises:
        MediaProblem: it is a document with programs in it.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"PK\x03\x04"):
        return _document(path)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    return TEXT if _is_text(path, head) else None


# All that `zipfile` raises of an archive it cannot read: broken, cut off, encrypted (RuntimeError), or packed in a way
# that it does not know (NotImplementedError). No other code runs within.
_UNREADABLE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError)


def _document(path: Path) -> FileKind | None:
    if _listed_bytes(path) > MOST_LISTED_BYTES:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename.lower() for info in archive.infolist()]
            mimetype = _mimetype(archive)
    except _UNREADABLE:
        return None
    kind = _BY_MIMETYPE.get(mimetype) or _of_folders(names)
    if kind is not None and any(_is_program(name) for name in names):
        raise MediaProblem("file_with_programs", "a document with macros or controls")
    return kind


def _listed_bytes(path: Path) -> int:
    """Return how long the list of an archive says it is, which would all be read at once."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES - _MOST_COMMENT_BYTES))
        tail = file.read()
    at = tail.rfind(_END)
    return int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else MOST_LISTED_BYTES + 1


def _mimetype(archive: zipfile.ZipFile) -> bytes:
    """Return what an OpenDocument says it is: its first part, a line of text."""
    first = next(iter(archive.infolist()), None)
    if first is None or first.filename != "mimetype" or first.file_size > 200:
        return b""
    return archive.read(first).strip()


def _of_folders(names: list[str]) -> FileKind | None:
    if "[content_types].xml" not in names:
        return None
    return next((kind for folder, kind in _BY_FOLDER.items() if any(name.startswith(folder) for name in names)), None)


def _is_program(name: str) -> bool:
    return any(name.startswith(word) or f"/{word}" in name for word in _PROGRAMS)


def _is_text(path: Path, head: bytes) -> bool:
    """Tell whether all of it is UTF-8 without control characters."""
    if not head or b"\0" in head:
        return False
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(1024 * 1024):
                if any(_is_control(character) for character in decoder.decode(chunk)):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _is_control(character: str) -> bool:
    return character < " " and character not in "\t\n\r\f"


def saved_name(filename: str, kind: FileKind) -> str:
    """Return the name it is saved under: its own, with an ending that says what it is."""
    stem, dot, ending = filename.rpartition(".")
    if dot and ending.lower() in (kind.ending, *kind.names):
        return filename
    return f"{filename}.{kind.ending}" if not dot or not stem else f"{stem}.{kind.ending}"
