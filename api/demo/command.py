"""`showme demo`: tells the story against a running server, or one of its own in a temporary folder."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from api.demo.org import ADMIN, SLUG, demo_password
from api.demo.story import Stage, Story
from api.demo.telling import StoryError, Telling
from api.settings import SettingError, Settings
from api.up import wait_until_ready
from media.binaries import BinaryMissing, find_binaries
from media.sample import DURATION_MS, make_sample


def demo(settings: Settings, *, url: str | None, org: str | None, email: str | None) -> int:
    """Return 0 only when every check of the story held."""
    if url and not (org and email):
        raise SettingError("--url needs --org and --email of an admin there, and the password on stdin.")
    try:
        return asyncio.run(_demo(settings, url, org, email))
    except BinaryMissing as error:
        raise SettingError(str(error)) from error
    except (StoryError, RuntimeError, httpx.HTTPError, TimeoutError) as error:
        print(f"\nshowme demo: it does not hold: {error or type(error).__name__}", file=sys.stderr)
        return 1


async def _demo(settings: Settings, url: str | None, org: str | None, email: str | None) -> int:
    telling = Telling()
    with TemporaryDirectory(prefix="showme-demo-") as folder:
        video = Path(folder) / "talk.mp4"
        binaries = find_binaries(settings.ffmpeg, settings.ffprobe)
        with telling.step("A talking video is made") as remarks:
            await make_sample(video, binaries)
            remarks.append(f"{video.stat().st_size / 1e6:.1f} MB, {DURATION_MS / 1000} s")
        async with _server(Path(folder), url, org, email, telling) as (base_url, slug, address, password):
            async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
                stage = Stage(client, slug, address, password, video, DURATION_MS, binaries)
                await Story(stage, telling).tell()
            print(f"\nThe whole story held.\n{telling.table()}")
            if not url:
                await _farewell()
    return 0


async def _farewell() -> None:
    """Keep a server of its own as long as somebody may be looking at its videos."""
    if sys.stdin.isatty():
        await asyncio.to_thread(input, "\nLook at the links now; Enter ends this server and removes its videos. ")
    else:
        print("\nThis server ends now, and its videos with it. To keep them: make run, then showme demo --url.")


@asynccontextmanager
async def _server(
    folder: Path, url: str | None, org: str | None, email: str | None, telling: Telling
) -> AsyncGenerator[tuple[str, str, str, str]]:
    if url and org and email:
        yield url.rstrip("/"), org, email, sys.stdin.readline().rstrip("\n")
        return
    data_dir = folder / "data"
    base_url = f"http://127.0.0.1:{free_port()}"
    with telling.step("A server of its own starts"):
        process = start_up(data_dir, base_url)
        try:
            await wait_until_up(process, base_url, data_dir)
        except BaseException:
            stop(process)
            raise
    try:
        yield base_url, SLUG, ADMIN, demo_password(data_dir)
    finally:
        await asyncio.to_thread(stop, process)


def start_up(data_dir: Path, base_url: str, **settings: str) -> subprocess.Popen[bytes]:
    """Start `showme up --demo` for this folder, in a process group of its own, logging into it.

    Of the environment's settings only the programs' are kept; `settings` are others, by their names.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOWME_")}
    programs = {name: os.environ[name] for name in ("SHOWME_FFMPEG", "SHOWME_FFPROBE") if name in os.environ}
    mine = {"SHOWME_DATA_DIR": str(data_dir), "SHOWME_PORT": base_url.rsplit(":", 1)[1], **settings}
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "log").open("wb") as log:
        command = [sys.executable, "-P", "-m", "api.cli", "up", "--demo"]
        return subprocess.Popen(command, env=kept | programs | mine, stdout=log, stderr=log, start_new_session=True)


async def wait_until_up(process: subprocess.Popen[bytes], base_url: str, data_dir: Path) -> None:
    """Return when it is ready and the demo organization is there.

    Raises:
        StoryError: it ended.
    """
    await wait_until_ready(base_url)
    while b"Ctrl-C" not in (data_dir / "log").read_bytes():  # the demo organization is made after it is ready
        if process.poll() is not None:
            raise StoryError(f"the server ended: {(data_dir / 'log').read_text()[-2000:]}")
        await asyncio.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it as Ctrl-C would, and wait; after half a minute, by force."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
