"""How often a job is tried: what is the database's fault, or the store's, is not held against the video."""

from typing import Any

import pytest
from procrastinate.jobs import Job
from sqlalchemy.exc import DBAPIError

from media.jobs.tasks import TASKS
from media.jobs.trying import OUTAGE_TRIES, TRIES
from media.storage import StorageUnavailable


class Ended(Exception):  # noqa: N818 - as the driver's errors are named
    """What a driver raises when the server was told to go."""

    sqlstate = "57P01"


class Wrong(Exception):  # noqa: N818
    sqlstate = "42P01"


def tried(times: int) -> Job:
    given: dict[str, Any] = {"id": 1, "queue": "quick", "lock": None, "queueing_lock": None, "task_name": "x"}
    return Job(**given, attempts=times - 1)


@pytest.mark.parametrize(
    "error",
    [DBAPIError("SELECT 1", None, Ended()), StorageUnavailable("The store is down."), ConnectionResetError()],
    ids=["database", "store", "connection"],
)
def test_an_outage_is_waited_for_longer_than_a_fault(error: Exception) -> None:
    task = TASKS["process_asset"]
    assert not task.last_try(tried(TRIES), error)
    assert task.last_try(tried(OUTAGE_TRIES), error)


def test_a_statement_that_is_wrong_is_a_fault() -> None:
    assert TASKS["process_asset"].last_try(tried(TRIES), DBAPIError("SELECT 1", None, Wrong()))
