"""What Prometheus reads, who may read it, and that it names nobody."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # only tests read YAML
from prometheus_client import Metric
from sqlalchemy import text

import api.metrics
import media.metrics
from api.app import create_app
from api.embedded import EmbeddedPostgres, Urls
from api.metrics import worker_metrics
from api.parts import Parts
from api.pool_metrics import watch_pool
from api.settings import SettingError, Settings
from media.jobs.engine import make_app, make_pool
from media.jobs.tasks import TASKS
from media.metrics import REGISTRY
from media.queue import defer
from media.reaper import Reaper
from media.storage import StorageUnavailable, open_storage
from models.database import Database
from models.ids import new_id
from tests.client import Client, Document
from tests.factories.accounts import refused
from tests.factories.jobs import House, Refusing, a_house, folder_store, own_database
from tests.factories.people import OrgKit
from tests.factories.postgres import stopped
from tests.processes import ROOT, free_port

TOKEN = "a token of the metrics"
BEARER = {"authorization": f"Bearer {TOKEN}"}
ALERTS = ROOT / "api" / "alerts.yaml"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_metrics")


@pytest.fixture
async def house(own_urls: Urls, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as made:
        yield made


@pytest.fixture
async def scraped(parts: Parts, house: House, document: Document) -> AsyncIterator[Client]:
    """A client of an application with a token for metrics, on the database of the house."""
    settings = replace(parts.settings, metrics_token=TOKEN)
    async with Client(create_app(replace(parts, settings=settings, database=house.database)), document) as client:
        yield client


async def test_without_a_token_in_the_settings_there_are_no_metrics(anonymous: Client) -> None:
    assert refused(await anonymous.get("/metrics", headers=BEARER)) == (404, "not-found")
    assert refused(await anonymous.get("/metrics", headers={"authorization": "Bearer "})) == (404, "not-found")


@pytest.mark.parametrize("said", ["", "Bearer ", "Bearer another", TOKEN, f"Basic {TOKEN}", "Bearer ünicode"])
async def test_who_does_not_know_the_token_reads_nothing(scraped: Client, said: str) -> None:
    answer = await scraped.get("/metrics", headers=[(b"authorization", said.encode())] if said else [])
    assert refused(answer) == (401, "unauthenticated")


async def test_a_request_is_counted_by_the_template_of_its_route(org: OrgKit, scraped: Client) -> None:
    robin, id_ = await org.person(), str(new_id())
    counted = {"route": "/v1/assets/{asset_id}", "method": "GET"}
    before = value("showme_requests_total", status="404", **counted), value("showme_request_seconds_count", **counted)
    assert (await robin.client.get(f"/v1/assets/{id_}")).status_code == 404
    after = value("showme_requests_total", status="404", **counted), value("showme_request_seconds_count", **counted)
    assert after == (before[0] + 1, before[1] + 1)
    page = await scraped.get("/metrics", headers=BEARER)
    assert page.headers["content-type"].startswith("text/plain; version=")
    assert "showme_requests_total" in page.text
    assert "showme_requests_in_flight 1.0" in page.text
    assert id_ not in page.text


async def test_what_strangers_send_makes_no_label(anonymous: Client) -> None:
    nowhere = {"route": "unmatched", "method": "GET", "status": "404"}
    before = value("showme_requests_total", **nowhere)
    for path in ("/wp-login.php", f"/v1/{new_id()}", "/nothing"):
        await anonymous.get(path)
    await anonymous.request("HACK", "/nowhere")
    assert value("showme_requests_total", **nowhere) == before + 3
    assert value("showme_requests_total", route="unmatched", method="other", status="404") >= 1
    labels = {one for metric in REGISTRY.collect() for sample in metric.samples for one in sample.labels.values()}
    assert [label for label in labels if "wp-login" in label or "HACK" in label] == []


async def test_each_queue_tells_its_depth_and_the_age_of_its_oldest(house: House, scraped: Client) -> None:
    async with house.database.tenant(house.org.id) as session:
        for _ in range(2):
            await defer(session, "make_ladder", queue="long", asset_id=str(new_id()))
    page = (await scraped.get("/metrics", headers=BEARER)).text
    assert 'showme_queue_waiting{queue="long"} 2.0' in page
    assert 'showme_queue_waiting{queue="quick"} 0.0' in page
    assert "showme_database_up 1.0" in page
    first = value("showme_queue_oldest_seconds", queue="long")
    await scraped.get("/metrics", headers=BEARER)
    assert value("showme_queue_oldest_seconds", queue="long") > first >= 0
    assert value("showme_queue_oldest_seconds", queue="quick") == 0


async def test_a_database_that_is_away_is_told_and_the_rest_too(parts: Parts, document: Document) -> None:
    settings = replace(parts.settings, metrics_token=TOKEN)
    gone = Database("postgresql+asyncpg://nobody:x@127.0.0.1:1/none")
    async with Client(create_app(replace(parts, settings=settings, database=gone)), document) as client:
        page = await client.get("/metrics", headers=BEARER)
    assert page.status_code == 200
    assert "showme_database_up 0.0" in page.text
    await gone.dispose()


async def test_a_job_that_is_done_is_counted_and_so_is_the_time_until_it_plays(house: House) -> None:
    done = {"task": "process_asset", "outcome": "done"}
    before = value("showme_jobs_total", **done), value("showme_complete_to_playable_seconds_count", how="copy")
    await house.upload("plain.mp4")
    await house.drain()
    assert value("showme_jobs_total", **done) == before[0] + 1
    assert value("showme_complete_to_playable_seconds_count", how="copy") == before[1] + 1
    assert value("showme_jobs_running", task="process_asset") == 0


async def test_a_video_that_is_at_fault_is_refused_and_no_job_has_failed(house: House) -> None:
    outcomes = ("refused", "failed", "retried")
    before = [value("showme_jobs_total", task="process_asset", outcome=one) for one in outcomes]
    await house.upload(b"no video at all")
    await house.drain()
    after = [value("showme_jobs_total", task="process_asset", outcome=one) for one in outcomes]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 0, 0]


async def test_a_job_that_is_to_be_tried_again_is_counted_as_such(house: House) -> None:
    before = value("showme_jobs_total", task="process_asset", outcome="retried")
    await house.upload("plain.mp4")
    await house.drain(replace(house.context, storage=Refusing(house.storage, "poster.jpg", times=1)))
    assert value("showme_jobs_total", task="process_asset", outcome="retried") == before + 1


async def test_a_store_that_fails_is_counted_by_verb() -> None:
    url = "s3://videos?endpoint=http://127.0.0.1:1&region=eu-central-1&access_key=a&secret_key=b"
    store = open_storage(url, secret=b"x" * 32, public_url="http://testserver")
    before = value("showme_store_errors_total", verb="ping")
    with pytest.raises(StorageUnavailable):
        await store.ping()
    assert value("showme_store_errors_total", verb="ping") == before + 1
    await store.close()


async def test_connections_in_use_and_waited_for_are_told(urls: Urls) -> None:
    database = Database(urls.app, pool_size=1)
    watch_pool(database)
    assert value("showme_database_connections_most") == 2
    before = value("showme_database_wait_seconds_count"), value("showme_database_wait_seconds_sum")
    async with database.without_tenant(), database.without_tenant():
        assert value("showme_database_connections_used") == 2
        waiting = asyncio.create_task(_use(database))
        await asyncio.sleep(0.05)  # what is measured is time
    await waiting
    assert value("showme_database_connections_used") == 0
    assert value("showme_database_wait_seconds_count") == before[0] + 3
    assert value("showme_database_wait_seconds_sum") >= before[1] + 0.04
    await database.dispose()


async def _use(database: Database) -> None:
    async with database.without_tenant():
        pass


async def page_of_a_worker(database: Database) -> str:
    port = free_port()
    async with worker_metrics(Settings(worker_metrics_port=port), database), httpx.AsyncClient(trust_env=False) as to:
        return (await to.get(f"http://127.0.0.1:{port}/metrics", timeout=30)).text


async def test_a_worker_serves_its_own_on_a_port_when_it_is_given_one(database: Database) -> None:
    page = await page_of_a_worker(database)
    assert "showme_jobs_total" in page
    assert "showme_database_up 1.0" in page


async def test_without_a_port_a_worker_serves_nothing(database: Database) -> None:
    async with worker_metrics(Settings(), database):
        pass


async def test_a_worker_says_truly_whether_it_reaches_the_database(urls: Urls) -> None:
    gone, there = Database("postgresql+asyncpg://nobody:x@127.0.0.1:1/none"), Database(urls.app)
    told = [await page_of_a_worker(one) for one in (gone, there, gone)]
    assert [re.findall(r"^showme_database_up (\S+)$", page, re.MULTILINE) for page in told] == [
        ["0.0"],
        ["1.0"],
        ["0.0"],
    ]
    await gone.dispose()
    await there.dispose()


async def test_a_worker_whose_database_is_silent_says_so_in_time(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.metrics, "ASK_S", 0.5)
    database = Database(urls.app, pool_size=1)
    async with database.without_tenant() as session:
        pid = int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)
    with stopped(pid):
        assert "showme_database_up 0.0" in await page_of_a_worker(database)
    assert "showme_database_up 1.0" in await page_of_a_worker(database)
    await database.dispose()


async def test_a_port_that_is_taken_is_a_clear_line(database: Database) -> None:
    port = free_port()
    async with worker_metrics(Settings(worker_metrics_port=port), database):
        with pytest.raises(SettingError, match=f"cannot listen on 127.0.0.1 port {port}"):
            async with worker_metrics(Settings(worker_metrics_port=port), database):
                pass


def test_a_worker_shows_each_task_and_each_outcome_before_anything_has_happened() -> None:
    """In a process of its own, where nothing has."""
    asked = (
        "from media import metrics; from media.jobs.tasks import TASKS; metrics.expect(TASKS);"
        "from prometheus_client import generate_latest; print(generate_latest(metrics.REGISTRY).decode())"
    )
    page = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shown = set(re.findall(r'^showme_jobs_total\{outcome="(\w+)",task="(\w+)"\} 0.0$', page, re.MULTILINE))
    outcomes = ("done", "refused", "retried", "failed", "interrupted")
    assert shown == {(outcome, task) for task in TASKS for outcome in outcomes}
    assert 'showme_store_errors_total{verb="ping"} 0.0' in page


async def test_a_running_worker_expects_its_tasks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    expected: list[str] = []
    monkeypatch.setattr(media.metrics, "expect", expected.extend)
    async with house.working():
        pass
    assert expected == list(TASKS)


@pytest.mark.parametrize(("attempts", "outcome"), [(0, "interrupted"), (2, "failed")])
async def test_a_job_that_ended_with_its_worker_is_counted_by_who_finds_it(
    house: House, attempts: int, outcome: str
) -> None:
    ended = {"task": "process_asset", "outcome": outcome}
    before = value("showme_jobs_total", **ended)
    await house.leave_behind("process_asset", await house.put_asset("processing"), attempts=attempts)
    engine, jobs = make_app(house.context)
    async with make_pool(house.context.database_url) as pool, engine.open_async(pool):
        await Reaper(house.context, jobs, stalled_s=30.0).round()
    assert value("showme_jobs_total", **ended) == before + 1


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def names(metric: Metric) -> set[str]:
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {metric.name + ending for ending in endings.get(metric.type, ("",))}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_asks_for_what_is_measured_and_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    known = set().union(*(names(metric) for metric in REGISTRY.collect()))
    asked = set(re.findall(r"\bshowme_[a-z_]+", rule["expr"]))
    assert asked - known == set()
    assert asked or "up{" in rule["expr"]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert all(rule["annotations"][name].strip() for name in ("summary", "meaning", "action"))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_is_a_whole_expression(rule: dict[str, Any]) -> None:
    expression = rule["expr"]
    assert all(expression.count(a) == expression.count(b) for a, b in ("()", "[]", "{}"))
    assert re.search(r"(==|>|<)\s*[\d.]+", expression)
