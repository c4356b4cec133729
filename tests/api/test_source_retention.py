"""How long what clients have sent is kept: a setting, as it reaches the worker."""

from dataclasses import replace

import pytest

from api.embedded import Urls
from api.parts import Parts
from api.settings import SettingError, read_settings
from api.work import worker_context
from models.base import now
from tests.clips import TOOLS
from tests.factories.assets import make_upload, problem, retried, seen
from tests.factories.people import OrgKit


@pytest.mark.parametrize(("said", "days"), [({}, 0), ({"": ""}, 0), ({"": "30"}, 30)], ids=["unset", "empty", "30"])
def test_sources_are_kept_for_ever_unless_a_number_of_days_is_set(said: dict[str, str], days: int) -> None:
    environ = {f"SHOWME_SOURCE_RETENTION_DAYS{name}": value for name, value in said.items()}
    assert read_settings({"PATH": "/bin", **environ}).source_retention_days == days


def test_what_is_no_number_of_days_is_refused() -> None:
    with pytest.raises(SettingError, match="SHOWME_SOURCE_RETENTION_DAYS must be a whole number"):
        read_settings({"SHOWME_SOURCE_RETENTION_DAYS": "a month"})


def test_the_worker_knows_how_long_sources_are_kept(parts: Parts, urls: Urls) -> None:
    kept = replace(parts, settings=replace(parts.settings, source_retention_days=30))
    assert worker_context(kept, urls, TOOLS).source_retention_days == 30


async def test_what_failed_and_whose_source_is_not_kept_says_so_and_is_not_tried_again(org: OrgKit) -> None:
    rep = await org.person()
    values = {"problem_code": "source_not_kept", "source_deleted_at": now()}
    id_ = await make_upload(org, rep, "completed", "failed", **values)
    told = (await seen(rep, id_)).json()["problem"]
    assert (told["retryable"], told["message"].endswith("is not kept any more. Upload it again.")) == (False, True)
    refused = await retried(rep, id_)
    assert problem(refused) == (409, "/problems/not-retryable")
    assert told["message"] in refused.json()["detail"]
