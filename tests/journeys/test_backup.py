"""A machine is lost, and its backup becomes another one: by the commands, as an operator gives them."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from shutil import rmtree

import httpx
import pytest

from api.cli import main
from api.demo.command import free_port
from api.embedded import EmbeddedPostgres
from api.embedded_home import Record, home_of
from api.up import wait_until_ready
from models.migrate import migrate
from tests.processes import running

PASSWORD = "a password of the tests"
CREATE = "org create --slug acme --name Acme --admin-email ada@example.com --password-stdin"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the account of the database can enter, also where root runs the tests."""
    made = Path(tempfile.mkdtemp(prefix="showme-tests-"))
    made.chmod(0o755)
    yield made
    for record in made.glob("*/embedded.json"):
        rmtree(home_of(record.parent, Record.read(record.parent) or Record()).folder, ignore_errors=True)
    rmtree(made)


class Operator:
    """Gives commands with these settings, and reads what they say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    async def showme(self, *arguments: str, stdin: str = "", **settings: str) -> tuple[int, str]:
        with self.monkeypatch.context() as here:
            for name in [name for name in os.environ if name.startswith("SHOWME_")]:
                here.delenv(name)
            for name, value in settings.items():
                here.setenv(f"SHOWME_{name.upper()}", value)
            here.setattr(sys, "stdin", StringIO(stdin))
            status = await asyncio.to_thread(main, arguments)
        said = self.capsys.readouterr()
        return status, said.out + said.err


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(monkeypatch, capsys)


async def sign_in(base_url: str) -> int:
    async with httpx.AsyncClient(base_url=base_url) as client:
        body = {"org": "acme", "email": "ada@example.com", "password": PASSWORD}
        return (await client.post("/v1/auth/sign-in", json=body)).status_code


async def test_a_lost_machine_comes_back_elsewhere_from_its_backup(folder: Path, operator: Operator) -> None:
    lost, found, kept = folder / "lost", folder / "found", folder / "kept"
    lost.mkdir()
    with EmbeddedPostgres(lost) as urls:
        await asyncio.to_thread(migrate, urls.migrate, urls.app)
        status, said = await operator.showme(*CREATE.split(), stdin=PASSWORD, data_dir=str(lost))
        assert status == 0, said
        status, said = await operator.showme("backup", str(kept), "--with-objects", data_dir=str(lost))
        assert (status, "Made the backup" in said) == (0, True), said
        refused = await operator.showme("restore", str(kept), data_dir=str(lost))
        assert refused == (2, f"showme: stop `showme up` of {lost} first.\n")
    rmtree(lost)

    status, said = await operator.showme("restore", str(kept), data_dir=str(found))
    assert (status, said.splitlines()[-1]) == (0, "Restored, and all 0 objects are there."), said
    port = free_port()
    with running("up", folder, {"data_dir": str(found), "port": str(port)}):
        await wait_until_ready(f"http://127.0.0.1:{port}")
        assert await sign_in(f"http://127.0.0.1:{port}") == 200


@pytest.mark.parametrize("command", ["backup", "restore"])
async def test_a_folder_that_will_not_do_is_one_clear_line(tmp_path: Path, operator: Operator, command: str) -> None:
    taken, nowhere = tmp_path / "a file", "127.0.0.1:1/x"
    taken.write_text("not a folder")
    settings = dict.fromkeys(("database_url", "migrate_url"), f"postgresql+asyncpg://a@{nowhere}")
    status, said = await operator.showme(command, str(taken), data_dir=str(tmp_path / "data"), **settings)
    assert (status, len(said.splitlines()), said[:8]) == (2, 1, "showme: ")
    assert str(taken) in said
