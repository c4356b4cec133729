"""What of a video is not there, and what of that can be made without what the client sent: values alone."""

from collections.abc import Collection
from typing import Any
from uuid import uuid4

import pytest

from media.jobs.lacking import first_is_of, is_superseded, lacking, out_of_reach
from models.asset import Asset
from models.base import now

LARGE = ("1080", "720", "360", "audio", "720p")
SMALL = ("720", "360", "audio", "720p")
SENT = ("720", "360", "audio", "720p", "360p")


def asset(plan: Collection[str] = LARGE, *, how: str = "copy", source: bool = True, **values: Any) -> Asset:
    facts = {"how": how, "planned": list(plan), "waveform": True}
    gone = None if source else now()
    made = {"purpose": "response", "state": "ready", "poster": True, "storyboard": True, "facts": facts}
    return Asset(org_id=uuid4(), owner_id=uuid4(), source_deleted_at=gone, **(made | values))


@pytest.mark.parametrize(
    ("plan", "how", "rung", "superseded"),
    [
        (LARGE, "copy", "1080", False),
        (SMALL, "copy", "720", True),
        (SENT, "copy", "720", True),
        (LARGE, "encode", "360", False),
        (("360", "audio", "360p"), "copy", "360", True),
        (("360", "audio"), "encode", "360", False),
    ],
)
def test_the_first_file_shows_what_a_rung_does_and_sometimes_what_its_file_does(
    plan: tuple[str, ...], how: str, rung: str, superseded: bool
) -> None:
    made = asset(plan, how=how)
    assert (first_is_of(made), is_superseded(made)) == (rung, superseded)


@pytest.mark.parametrize(
    ("there", "values", "expected"),
    [
        ((*LARGE, "playable"), {}, set()),
        (LARGE, {}, {"playable"}),
        (("playable", "720", "audio", "720p"), {}, {"1080", "360"}),
        ((*LARGE, "playable"), {"poster": False, "storyboard": False}, {"poster", "storyboard"}),
        ((*LARGE, "playable"), {"storyboard": False, "audio_only": True}, set()),
        ((*LARGE, "playable"), {"facts": {"how": "copy", "planned": LARGE}}, {"waveform"}),
        (("playable",), {"purpose": "clip", "poster": False, "storyboard": False}, {"poster"}),
        (("720", "360", "audio"), {"facts": {"how": "copy", "planned": SMALL, "waveform": True}}, {"720p"}),
        (("playable", "720"), {"facts": {"how": "encode", "planned": ["720"]}}, set()),
    ],
)
def test_what_is_missing_is_told_by_name(there: Collection[str], values: dict[str, Any], expected: set[str]) -> None:
    assert lacking(asset(**values), there) == expected
    assert out_of_reach(asset(**values), there) == set()


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (("playable", "1080", "720", "360", "audio"), set()),
        (("playable", "1080", "360", "audio"), {"720", "720p"}),
        (("720", "360", "audio", "720p"), {"1080", "playable"}),
        (("playable", "720p"), {"1080", "720", "360", "audio", "storyboard"}),
        (("playable", "1080", "720", "360"), {"audio", "720p"}),
    ],
)
def test_without_its_source_only_what_is_muxed_of_rungs_can_be_made(there: Collection[str], expected: set[str]) -> None:
    made = asset(source=False, poster=False, storyboard=False)
    assert out_of_reach(made, there) == expected
    assert "poster" in lacking(made, there) - expected


def test_a_waveform_is_of_the_source() -> None:
    made = asset(source=False, facts={"how": "copy", "planned": LARGE})
    assert out_of_reach(made, (*LARGE, "playable")) == {"waveform"}
