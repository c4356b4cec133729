"""Hostile files: each refused with its reason or read without harm, in bounded time and memory.

Nothing that a file names is opened: the kernel would tell, and a listening port would see somebody come.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media import commands, ffmpeg, isolation, keys
from media.ffmpeg import Bounds, FfmpegFailed
from media.pipeline import copy_playable
from media.probe import probe, unreadable
from media.problems import MediaProblem
from tests import clips
from tests.canary import Canary, watched
from tests.clips import TOOLS
from tests.factories.jobs import House, own_database
from tests.hostile import HOSTILE, NAMING, SCRIPT, edited

GIVEN = Path(__file__).parents[2].parent / "shared" / "clips" / "attack"
GIVEN_CODES: dict[str, str | None] = {
    **dict.fromkeys(["hls_http.mp4", "hls_http.m3u8", "hls_file.mp4"], "unsupported_container"),
    **dict.fromkeys(["hls_localmedia.mp4", "hls_localmedia.m3u8"], "unsupported_container"),
    **dict.fromkeys(
        ["ffconcat.mp4", "ffconcat_abs.mp4", "dash.mp4", "vector.mp4", "vector.svg"], "unsupported_container"
    ),
    **dict.fromkeys(["page.mp4", "text.mp4", "archive.mp4", "elf.mp4", "random.mp4", "NOTES.tsv"], "not_media"),
    **dict.fromkeys(["dims16000_real.mp4", "dims30000_mjpeg.mov"], "too_many_pixels"),
    **dict.fromkeys(["stsz_268M.mp4", "stts_268M.mp4", "nested_moov.mp4"], "corrupt"),
    **dict.fromkeys(["truncated_half.mp4", "truncated_nomoov.mp4"], "truncated"),
    **dict.fromkeys(["moov_4g.mp4", "moov_1t.mp4", "dims30000_container.mp4", "dref_external.mp4"]),
    **dict.fromkeys(["polyglot_html.mp4", "-i.mp4", "victim.mp4", "victim.ts"]),
    "onef_100h.mp4": "too_long",
    "zero.mp4": "empty_file",
}
MOST_S = 30


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    with watched(tmp_path / "canary") as made:
        yield made


@pytest.fixture(autouse=True)
def _frugal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the memory and half the time that a probe may use: what is bounded stays far below its bound."""
    for name in ("PROBING", "SCANNING"):
        bounds: Bounds = getattr(ffmpeg, name)
        frugal = replace(bounds, memory_bytes=bounds.memory_bytes // 2, cpu_s=bounds.cpu_s // 2)
        monkeypatch.setattr(ffmpeg, name, frugal)


@pytest.fixture
def _bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the system allows no namespaces."""
    monkeypatch.setenv("PATH", "/nowhere")
    isolation.attempt.cache_clear()
    yield
    isolation.attempt.cache_clear()


async def outcome(data: bytes, folder: Path) -> str | None:
    """Do what the first job does with an upload; return the code it is refused with."""
    source = folder / "source.bin"
    await asyncio.to_thread(source.write_bytes, data)
    async with asyncio.timeout(MOST_S):
        try:
            facts = await probe(source, binaries=TOOLS.binaries)
        except MediaProblem as problem:
            return problem.code
        with contextlib.suppress(MediaProblem):  # a copy that will not do is encoded, by another job
            await copy_playable(source, facts, folder, TOOLS)
    return None


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_a_hostile_file_is_refused_with_its_reason_and_opens_nothing(name: str, canary: Canary) -> None:
    make, code = HOSTILE[name]
    data = make(canary)
    assert (await outcome(data, canary.folder), canary.opened(), canary.connections()) == (code, [], 0)


@pytest.mark.usefixtures("_bare")
@pytest.mark.parametrize("name", sorted(NAMING))
async def test_without_namespaces_it_opens_nothing_either(name: str, canary: Canary) -> None:
    make, code = NAMING[name]
    assert (await outcome(make(canary), canary.folder), canary.opened(), canary.connections()) == (code, [], 0)


async def test_the_watch_sees_what_an_unguarded_ffmpeg_opens(canary: Canary) -> None:
    """What the tests above stand on."""
    (canary.folder / "list.mp4").write_bytes(NAMING["concat_of_a_sibling"][0](canary))
    await asyncio.to_thread(clips.ffmpeg, "-i", str(canary.folder / "list.mp4"), "-f", "null", "-")
    assert "victim.mp4" in canary.opened()
    with pytest.raises(CalledProcessError):
        await asyncio.to_thread(clips.ffmpeg, "-rw_timeout", "100000", "-i", f"{canary.url}/a.ts", "-f", "null", "-")
    assert canary.connections() > 0


async def test_the_files_that_were_given_are_refused_with_their_reasons(tmp_path: Path) -> None:
    """All there are in the folder beside the project; a clone without it has those that are made here."""
    given = sorted(GIVEN.iterdir()) if GIVEN.is_dir() else []
    for path in given:
        (tmp_path / path.name).mkdir()
        assert await outcome(path.read_bytes(), tmp_path / path.name) == GIVEN_CODES[path.name], path.name


async def test_more_pictures_than_are_taken_are_refused(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.packets.MAX_PACKETS", 500)
    assert await outcome(edited(1000)(canary), canary.folder) == "too_many_frames"


@pytest.mark.parametrize(
    ("code", "returncode", "expected"),
    [
        ("timed_out", -signal.SIGXCPU, "corrupt"),
        ("timed_out", None, "timed_out"),
        ("out_of_memory", 1, "corrupt"),
        ("out_of_memory", -signal.SIGKILL, "out_of_memory"),
    ],
)
def test_a_header_that_uses_up_its_limits_is_the_fault_of_the_file(
    code: str, returncode: int | None, expected: str
) -> None:
    """What ended it from outside, a deadline on a busy machine or a system short of memory, is not."""
    assert unreadable(b"\0\0\0\x20ftypisom", FfmpegFailed(code, returncode, "")) == expected


def test_every_input_is_read_by_the_lists_of_what_may_be_opened() -> None:
    for argv in (commands.header_args(Path("/a")), commands.packets_args(Path("/a"))):
        for option in ("-protocol_whitelist", "-format_whitelist", "-max_streams", "-max_pixels", "-max_alloc"):
            assert argv.index(option) < argv.index("file:/a")


# Through a worker


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_hostile")


async def test_a_worker_survives_them_all_and_serves_nothing_of_them(house: House, canary: Canary) -> None:
    ids = {name: await house.upload(make(canary)) for name, (make, _) in sorted(HOSTILE.items())}
    canary.opened()
    async with asyncio.timeout(4 * MOST_S):
        await house.drain()
    refused = {name: (await house.asset(id_)).problem_code for name, id_ in ids.items() if HOSTILE[name][1]}
    assert refused == {name: code for name, (_, code) in sorted(HOSTILE.items()) if code}
    assert (canary.opened(), canary.connections()) == ([], 0)
    for name in ("a_video_and_a_page", "data_elsewhere", "data_in_a_path"):
        assert await house.state(ids[name]) == "ready"
    for id_ in ids.values():
        prefix = keys.asset_prefix(house.org.id, id_)
        for name in set(await house.objects(id_)) - {"source.bin"}:
            assert SCRIPT not in await house.storage.read_bytes(prefix + name)
    assert list(house.context.work_dir.iterdir()) == []
    good = await house.upload("tiny.mp4")
    await house.drain()
    assert await house.state(good) == "ready"
