"""What an attachment is, its bytes tell; what could run is not taken, and pictures tell nobody where they were."""

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.attachments import GIF, JPEG, PDF, PNG, SHEET, SLIDES, TEXT, WEBP, WORD, FileKind, file_kind, saved_name
from media.image_notes import without_notes
from media.problems import MediaProblem
from tests import files
from tests.clips import clip

TAKEN: dict[str, tuple[Callable[[], bytes], FileKind]] = {
    "pdf": (lambda: files.PDF, PDF),
    "word": (lambda: files.office("word"), WORD),
    "excel": (lambda: files.office("xl"), SHEET),
    "powerpoint": (lambda: files.office("ppt"), SLIDES),
    "jpeg": (lambda: files.picture("jpg"), JPEG),
    "png": (lambda: files.picture("png"), PNG),
    "gif": (lambda: files.picture("gif"), GIF),
    "webp": (lambda: files.picture("webp"), WEBP),
    "text": ("Preis — 20 €\n\tsiehe unten".encode, TEXT),
    "text-with-a-mark": ("\ufeffa;b\r\n1;2".encode, TEXT),
    "a-page-is-but-text": (lambda: b"<html><script>alert(1)</script></html>", TEXT),
}
NOT_FILES = {
    "empty": b"",
    "a-zip": files.zipped({"a.txt": b"a"}),
    "half-a-zip": files.office("word")[:60],
    "a-program": b"MZ\x90\x00\x03\x00\x00\x00",
    "old-office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    "latin-1": "Grüße".encode("latin-1"),
    "controls": b"abc\x07def",
}


def kind_of(folder: Path, data: bytes) -> FileKind | None:
    path = folder / "source.bin"
    path.write_bytes(data)
    return file_kind(path)


@pytest.mark.parametrize("name", TAKEN)
def test_a_file_is_told_by_its_bytes(tmp_path: Path, name: str) -> None:
    make, kind = TAKEN[name]
    assert kind_of(tmp_path, make()) == kind


@pytest.mark.parametrize(("kind", "ending"), [("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp")])
def test_an_open_document_says_what_it_is(tmp_path: Path, kind: str, ending: str) -> None:
    found = kind_of(tmp_path, files.open_document(kind))
    assert found is not None
    assert found.ending == ending


@pytest.mark.parametrize("data", NOT_FILES.values(), ids=list(NOT_FILES))
def test_what_is_no_file_we_take_is_none(tmp_path: Path, data: bytes) -> None:
    assert kind_of(tmp_path, data) is None


@pytest.mark.parametrize("name", ["plain.mp4", "recorded.webm"])
def test_a_recording_is_left_to_the_probe(name: str) -> None:
    assert file_kind(clip(name)) is None


@pytest.mark.parametrize(
    "data",
    [
        files.office("word", "word/vbaProject.bin"),
        files.office("xl", "xl/activeX/activeX1.bin"),
        files.open_document("text", "Basic/Standard/Module1.xml"),
        files.open_document("spreadsheet", "Scripts/python/run.py"),
    ],
)
def test_a_document_with_programs_in_it_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MediaProblem) as refused:
        kind_of(tmp_path, data)
    assert refused.value.code == "file_with_programs"


def test_a_list_longer_than_any_document_has_is_not_read(tmp_path: Path) -> None:
    data = bytearray(files.office("word"))
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", 500_000_000)
    assert kind_of(tmp_path, bytes(data)) is None


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"RIFF", b"%PDF-", b"\xff\xd8\xff"]))
def test_whatever_comes_it_is_told_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, beginning: bytes
) -> None:
    found = kind_of(tmp_path_factory.getbasetemp(), beginning + data)
    assert found is None or found.content_type


@pytest.mark.parametrize(
    ("name", "kind", "saved"),
    [
        ("Preise.PDF", PDF, "Preise.PDF"),
        ("photo.jpeg", JPEG, "photo.jpeg"),
        ("page.html", TEXT, "page.txt"),
        ("list.csv", TEXT, "list.csv"),
        ("report", PDF, "report.pdf"),
        (".profile", TEXT, ".profile.txt"),
        ("slides.exe", SLIDES, "slides.pptx"),
    ],
)
def test_it_is_saved_under_a_name_that_says_what_it_is(name: str, kind: FileKind, saved: str) -> None:
    assert saved_name(name, kind) == saved


NOTED = {"jpg": (files.noted_jpeg, "image/jpeg"), "png": (files.noted_png, "image/png")}
NOTED["webp"] = (files.noted_webp, "image/webp")


@pytest.mark.parametrize("ending", NOTED)
def test_a_picture_is_passed_on_without_what_its_camera_noted(ending: str) -> None:
    make, content_type = NOTED[ending]
    noted = make()
    assert files.SECRET in noted
    cleaned = without_notes(noted, content_type)
    assert files.SECRET not in cleaned
    assert files.decoded(cleaned, ending) == files.decoded(files.picture(ending), ending)
    assert without_notes(cleaned, content_type) == cleaned


@pytest.mark.parametrize("orientation", range(1, 9))
def test_which_way_is_up_is_kept(orientation: int) -> None:
    cleaned = without_notes(files.noted_jpeg(orientation), "image/jpeg")
    assert struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) in cleaned


def test_an_orientation_that_is_none_is_left_out() -> None:
    assert b"Exif" not in without_notes(files.noted_jpeg(99), "image/jpeg")


def test_a_gif_stays_as_it_is() -> None:
    assert without_notes(files.picture("gif"), "image/gif") == files.picture("gif")


@pytest.mark.parametrize("ending", NOTED)
@pytest.mark.parametrize("left", [0.1, 0.5, 0.95])
def test_a_picture_that_ends_too_early_is_damaged(ending: str, left: float) -> None:
    data = files.picture(ending)
    with pytest.raises(MediaProblem) as refused:
        without_notes(data[: int(len(data) * left)], NOTED[ending][1])
    assert refused.value.code == "file_damaged"


@given(st.sampled_from(sorted(NOTED)), st.integers(0, 5000), st.binary(min_size=1, max_size=8))
def test_whatever_stands_in_it_it_ends(ending: str, at: int, junk: bytes) -> None:
    data = bytearray(NOTED[ending][0]())
    at %= len(data)
    data[at : at + len(junk)] = junk
    with suppress(MediaProblem):
        without_notes(bytes(data), NOTED[ending][1])
