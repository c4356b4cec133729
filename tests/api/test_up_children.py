"""What `showme up` starts its children with."""

import pytest

from api.embedded import Urls
from api.settings import SettingError, Settings, read_settings
from api.up import _children
from api.work import pace_of


def test_children_know_the_database_also_while_it_is_down(urls: Urls) -> None:
    for child in _children(urls):
        given = read_settings(child.env)
        assert given.database_url == urls.app


def test_a_worker_gives_several_signs_of_life_before_it_counts_as_dead() -> None:
    pace = pace_of(Settings(worker_silence_s=12))
    assert (pace.heartbeat_s, pace.stalled_s) == (2, 12)


def test_a_worker_may_not_count_as_dead_at_once() -> None:
    with pytest.raises(SettingError, match="SHOWME_WORKER_SILENCE_S must be between 3 and 3600"):
        read_settings({"SHOWME_WORKER_SILENCE_S": "2"})
