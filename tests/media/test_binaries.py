import os
from pathlib import Path

import pytest

from media.binaries import BinaryMissing, find_binaries


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_without_settings_both_are_found() -> None:
    found = find_binaries()
    assert os.access(found.ffmpeg, os.X_OK)
    assert os.access(found.ffprobe, os.X_OK)


def test_a_setting_goes_before_the_wheel(tmp_path: Path) -> None:
    told = program(tmp_path, "my-ffmpeg")
    assert find_binaries(ffmpeg=str(told)).ffmpeg == str(told)


def test_a_wrong_setting_is_never_passed_over(tmp_path: Path) -> None:
    with pytest.raises(BinaryMissing, match="SHOWME_FFPROBE"):
        find_binaries(ffprobe=str(tmp_path / "absent"))


def test_the_path_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [str(program(tmp_path, "ffmpeg")), str(program(tmp_path, "ffprobe"))]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("media.binaries.importlib.import_module", without_wheels)
    found = find_binaries()
    assert [found.ffmpeg, found.ffprobe] == expected


def test_nothing_anywhere_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("media.binaries.importlib.import_module", without_wheels)
    with pytest.raises(BinaryMissing, match=r"ffmpeg was not found"):
        find_binaries()


def without_wheels(name: str) -> None:
    raise ImportError(name)
