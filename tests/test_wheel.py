"""The package as others install it: a wheel, used from another folder, with a `models.py` in the way."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from api.embedded import EmbeddedPostgres
from tests.processes import ROOT, environment

Showme = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(argv, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture
def showme(wheel: Path, tmp_path: Path) -> Showme:
    """Run the installed command, in a folder where a file would shadow ours."""
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "models.py").write_text("raise RuntimeError('not this one')\n")
    with ZipFile(wheel) as archive:
        archive.extractall(installed)

    def run(*arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        # -P and our path first: the checkout that the tests run from must not be what answers.
        code = f"import sys; sys.path.insert(0, {str(installed)!r}); from api.cli import main; sys.exit(main())"
        argv = [sys.executable, "-P", "-c", code, *arguments]
        return subprocess.run(
            argv, cwd=elsewhere, env=environment(**settings), input=stdin, capture_output=True, text=True, check=False
        )

    return run


def test_the_wheel_brings_what_is_not_python(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert "models/migrations/sql/functions.sql" in names
    assert "media/sample/voice.m4a" in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"api", "media", "models"}


def test_the_installed_command_migrates_and_makes_an_organization(
    showme: Showme, tmp_path: Path, cluster: EmbeddedPostgres
) -> None:
    fresh = cluster.create_database("of_the_wheel")
    settings = {"database_url": fresh.app, "migrate_url": fresh.migrate, "data_dir": str(tmp_path / "data")}
    migrated = showme("migrate", **settings)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    new = ["--slug", "acme", "--name", "Acme", "--admin-email", "ada@acme.example", "--password-stdin"]
    made = showme("org", "create", *new, stdin="a long password\n", **settings)
    assert made.returncode == 0, made.stderr
    again = showme("org", "create", *new, stdin="a long password\n", **settings)
    assert (again.returncode, again.stderr) == (2, "showme: there is an organization acme already.\n")


def test_a_wrong_setting_is_one_line(showme: Showme) -> None:
    refused = showme("serve", port="eighty")
    assert (refused.returncode, refused.stderr) == (2, "showme: SHOWME_PORT must be a whole number, but is 'eighty'.\n")


def test_a_setting_nobody_knows_is_named(showme: Showme) -> None:
    refused = showme("serve", prot="8080")
    assert (refused.returncode, refused.stderr) == (2, "showme: SHOWME_PROT is not a setting of Showme.\n")
