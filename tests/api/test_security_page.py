"""SECURITY.md names tests and settings: they are there."""

import re

import pytest

from api.settings import PREFIX, Settings
from tests.processes import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+[^|]*)\|[^|]+\|([^|]+)\|$", PAGE, re.MULTILINE)


def test_each_test_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)?(?:test_)?\w+\.py)`", PAGE)) - {"client.py"}
    tests = [name for name in named if "test_" in name]
    assert len(tests) > 20
    places = [ROOT / "tests", ROOT / "tests" / "api"]
    assert [name for name in sorted(tests) if not any((place / name).exists() for place in places)] == []


def test_each_setting_it_names_is_one() -> None:
    named = {name.removeprefix(PREFIX).lower() for name in re.findall(rf"{PREFIX}[A-Z_]+", PAGE)}
    assert named - set(Settings.__dataclass_fields__) == set()


@pytest.mark.parametrize("word", ["api/policy.py", "api/auth.py", "api/accounts/sessions.py", "models/database.py"])
def test_each_file_it_names_is_there(word: str) -> None:
    assert word in PAGE
    assert (ROOT / word).exists()


def test_each_row_has_an_answer() -> None:
    assert len(ROWS) > 120
    assert [ids for ids, answer in ROWS if not answer.strip()] == []
