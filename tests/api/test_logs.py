"""What is logged, as a process of its own writes it; and what never is."""

import json
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from tests.client import Client
from tests.processes import environment

SECRET = "hunter2-of-a-person"
PROGRAM = """
import sys
from api.logs import configure_logs
import structlog
configure_logs(sys.argv[1], "info")
log = structlog.get_logger()
def sign_in(password):
    raise RuntimeError("it broke")
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    try:
        sign_in(sys.argv[2])
    except RuntimeError as error:
        log.error("unexpected error", exc_info=error)
    log.info("done", ms=3)
    log.debug("too quiet to be written")
import logging
try:
    sign_in(sys.argv[2])
except RuntimeError:
    logging.getLogger("a.library").exception("it says so")
"""


def written(form: str) -> str:
    argv = [sys.executable, "-P", "-c", PROGRAM, form, SECRET]
    return subprocess.run(argv, env=environment(), capture_output=True, text=True, check=True).stderr


def test_json_logs_are_one_object_a_line_with_the_request_id() -> None:
    lines = [json.loads(line) for line in written("json").splitlines()[:2]]
    assert [(line["event"], line["level"], line["request_id"]) for line in lines] == [
        ("unexpected error", "error", "r-1"),
        ("done", "info", "r-1"),
    ]
    assert lines[1]["ms"] == 3


def test_what_libraries_say_is_an_object_a_line_too() -> None:
    line = json.loads(written("json").splitlines()[-1])
    assert (line["event"], line["level"], line["logger"]) == ("it says so", "error", "a.library")
    assert line["exception"][0]["exc_type"] == "RuntimeError"


@pytest.mark.parametrize("form", ["json", "readable"])
def test_a_traceback_names_the_error_and_shows_nobodys_password(form: str) -> None:
    text = written(form)
    assert "it broke" in text
    assert "sign_in" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/store/an-org/an-asset/source", 403),
        ("/store", 403),
        ("/storefront", 404),
        ("/stores/of/others", 404),
        ("/storeroom/", 404),
        ("/v1/me", 401),
    ],
)
async def test_a_request_is_logged_by_the_path_that_was_asked_for(anonymous: Client, path: str, status: int) -> None:
    with capture_logs() as logged:
        assert (await anonymous.get(path)).status_code == status
    lines = [(line["path"], line["status"]) for line in logged if line["event"] == "request"]
    assert lines == [(path.rstrip("/"), status)]
