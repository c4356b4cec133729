"""What tests leave outside their folders goes with them, and nothing else does."""

import os
from pathlib import Path

import psycopg
import pytest

from api import embedded_home
from api.embedded import EmbeddedPostgres, psycopg_dsn
from api.embedded_home import WHOSE
from tests.clusters import folder_for_clusters, remove_clusters
from tests.factories.postgres import exists
from tests.processes import run_and_leave


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(embedded_home, "ELSEWHERE", tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def kept(elsewhere: Path, name: str, data_dir: Path) -> Path:
    folder = elsewhere / name
    (folder / "data").mkdir(parents=True)
    (folder / WHOSE).write_text(str(data_dir))
    return folder


def test_only_clusters_of_data_folders_within_are_removed_also_of_those_that_are_gone(
    elsewhere: Path, tmp_path: Path
) -> None:
    ours, others = tmp_path / "session-1", tmp_path / "session-10"
    gone = kept(elsewhere, "a", ours / "popen-gw0" / "a_test0" / "data")
    of_others = kept(elsewhere, "b", others / "data")
    without_note = elsewhere / "c" / "data"
    without_note.mkdir(parents=True)
    assert remove_clusters(ours) == [gone]
    assert [folder.exists() for folder in (gone, of_others, without_note)] == [False, True, True]
    assert remove_clusters(ours) == []


def test_where_there_are_none_nothing_is_removed(elsewhere: Path, tmp_path: Path) -> None:
    assert remove_clusters(tmp_path) == []
    assert not elsewhere.exists()


def test_a_server_that_a_failed_run_left_behind_is_ended(tmp_path: Path) -> None:
    """In the place itself, where root keeps it; other accounts keep it inside the folder, which goes by itself."""
    with folder_for_clusters() as folder:
        pid = run_and_leave(folder / "data")
        with EmbeddedPostgres(folder / "data") as urls, psycopg.connect(psycopg_dsn(urls.superuser)) as connection:
            [place] = connection.execute("SHOW data_directory").fetchone() or [""]
        pid = run_and_leave(folder / "data")
        if os.geteuid() != 0:
            os.kill(pid, 9)
        assert Path(place).exists()
    assert not Path(place).parent.exists()
    assert not exists(pid)
