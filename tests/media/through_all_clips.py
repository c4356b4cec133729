"""Every clip of the manifest and every kind of video, each to its end.

Run by `make clips`, and not by `make test`: of what takes long, one has 10,883 frames and another 4K.
"""

from pathlib import Path

import pytest

from tests.kinds import KINDS
from tests.manifest import Row, rows
from tests.verdicts import wrong_with_clip, wrong_with_kind


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.path.name)
async def test_a_clip_becomes_what_its_manifest_says(row: Row, tmp_path: Path) -> None:
    assert await wrong_with_clip(row, tmp_path) == []


@pytest.mark.parametrize("name", KINDS)
async def test_a_kind_is_upright_whole_and_in_step(name: str, tmp_path: Path) -> None:
    assert await wrong_with_kind(name, tmp_path) == []
