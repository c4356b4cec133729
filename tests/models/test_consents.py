"""What the answers of those shown lead to: a pure table, and a sweep that may run twice."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import consents
from models.asset import Asset
from models.base import now
from models.bright_spot import BrightSpot, Consent, Segment
from models.consents import Answer, follows, said
from models.errors import IllegalMoveError
from models.ids import new_id
from models.team import Audience
from tests.factories.people import OrgKit
from tests.factories.takes import Story, make_asset, make_story, make_take

ANNA, BEN = UUID(int=1), UUID(int=2)
STATES = sorted(BrightSpot.MOVES)
ANSWERS: tuple[Answer | None, ...] = ("granted", "refused", "run_out", None)

# From a state, by what Anna and Ben say; their order makes no difference.
LEADS = """
from              granted+granted  granted+none      none+none         granted+refused  granted+run_out  none+run_out  refused+none  refused+run_out
awaiting_consent  ready            awaiting_consent  awaiting_consent  declined         revoked          revoked       declined      revoked
ready             ready            awaiting_consent  awaiting_consent  revoked          revoked          revoked       revoked       revoked
published         published        awaiting_consent  awaiting_consent  revoked          revoked          revoked       revoked       revoked
declined          ready            awaiting_consent  awaiting_consent  declined         declined         declined      declined      declined
revoked           ready            awaiting_consent  awaiting_consent  revoked          revoked          revoked       revoked       revoked
archived          archived         archived          archived          archived         archived         archived      archived      archived
draft             draft            draft             draft             draft            draft            draft         draft         draft
"""  # noqa: E501  # a table is read by its columns


def cases() -> list[tuple[str, str, str]]:
    head, *lines = [line.split() for line in LEADS.strip().splitlines()]
    return [(line[0], said, to) for line in lines for said, to in zip(head[1:], line[1:], strict=True)]


def given_by(both: str) -> list[Answer | None]:
    words: dict[str, Answer | None] = {"granted": "granted", "refused": "refused", "run_out": "run_out", "none": None}
    return [words[word] for word in both.split("+")]


@pytest.mark.parametrize(("state", "both", "to"), cases())
def test_what_the_answers_lead_to(state: str, both: str, to: str) -> None:
    first, second = given_by(both)
    assert follows(state, {ANNA: first, BEN: second}) == to
    assert follows(state, {ANNA: second, BEN: first}) == to


@pytest.mark.parametrize(("state", "one", "two"), list(product(STATES, ANSWERS, ANSWERS)))
def test_what_follows_is_settled(state: str, one: Answer | None, two: Answer | None) -> None:
    """Asked again with the same answers, it stays."""
    answers: Mapping[UUID, Answer | None] = {ANNA: one, BEN: two}
    assert follows(follows(state, answers), answers) == follows(state, answers)


@given(st.sampled_from(STATES), st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=8))
def test_nothing_is_shown_without_everyones_consent(state: str, answers: list[Answer | None]) -> None:
    given_answers = {UUID(int=place): answer for place, answer in enumerate(answers)}
    leads = follows(state, given_answers)
    if leads in {"ready", "published"}:
        assert set(answers) == {"granted"}
    if leads == "published":
        assert state == "published"


@pytest.mark.parametrize(
    ("granted", "left_s", "worth"),
    [
        (True, None, "granted"),
        (True, 3600, "granted"),
        (True, 0, "run_out"),
        (True, -3600, "run_out"),
        (False, None, "refused"),
        (False, -3600, "refused"),
    ],
)
def test_what_an_answer_is_worth_now(granted: bool, left_s: int | None, worth: str) -> None:
    until = None if left_s is None else now() + timedelta(seconds=left_s)
    assert said(Consent(granted=granted, until=until)) == worth


async def spot_of(story: Story, state: str = "awaiting_consent") -> UUID:
    """Write a bright spot with a clip that is ready."""
    org, take_id = story.org, await make_take(story)
    clip_id = await make_asset(org, story.manager.id, "ready", purpose="clip")
    audience = Audience(org_id=org.id)
    spot = BrightSpot(
        org_id=org.id,
        maker_id=story.manager.id,
        title="A good opening",
        kind="positioning",
        state=state,
        audience_id=audience.id,
        clip_asset_id=clip_id,
        published_at=now() if state == "published" else None,
    )
    shows = Segment(
        org_id=org.id,
        bright_spot_id=spot.id,
        position=0,
        take_id=take_id,
        prompt_id=story.prompts[0],
        person_id=story.rep.id,
        start_ms=0,
        end_ms=5000,
    )
    async with org.database.tenant(org.id) as session:
        for row in (audience, spot, shows):
            session.add(row)
            await session.flush()
    return spot.id


async def say(story: Story, spot_id: UUID, *, granted: bool, cut: int = 1, left_s: int | None = None) -> None:
    until = None if left_s is None else now() + timedelta(seconds=left_s)
    row = Consent(
        org_id=story.org.id,
        bright_spot_id=spot_id,
        person_id=story.rep.id,
        cut=cut,
        granted=granted,
        until=until,
    )
    async with story.database.tenant(story.org.id) as session:
        session.add(row)


async def test_an_answer_to_another_cut_does_not_count(org: OrgKit) -> None:
    story = await make_story(org)
    spot_id = await spot_of(story)
    await say(story, spot_id, granted=True, cut=2)
    async with org.database.tenant(org.id) as session:
        spot = await session.get_one(BrightSpot, (org.id, spot_id))
        assert await consents.answers(session, spot) == {story.rep.id: None}
        await consents.settle(session, spot)
        assert spot.state == "awaiting_consent"


async def test_the_answer_of_somebody_who_is_not_shown_does_not_count(org: OrgKit) -> None:
    story = await make_story(org)
    spot_id = await spot_of(story)
    async with org.database.tenant(org.id) as session:
        spot = await session.get_one(BrightSpot, (org.id, spot_id))
        await consents.answer(session, spot, story.manager.id, granted=True)
        assert await consents.answers(session, spot) == {story.rep.id: None}
        assert spot.state == "awaiting_consent"


async def test_what_has_run_out_is_revoked_and_lets_its_clip_go_once(org: OrgKit) -> None:
    story = await make_story(org)
    spot_id = await spot_of(story, "published")
    await say(story, spot_id, granted=True, left_s=-1)
    freed = []
    for _ in range(2):
        async with org.database.tenant(org.id) as session:
            freed.append(await consents.run_out(session, spot_id))
    async with org.database.tenant(org.id) as session:
        spot = await session.get_one(BrightSpot, (org.id, spot_id))
        assert (spot.state, spot.published_at, spot.clip_asset_id, spot.version) == ("revoked", None, None, 2)
        assert freed[0] is not None
        assert freed[1] is None
        clip = await session.get_one(Asset, (org.id, freed[0]))
        assert (clip.state, clip.deleted_at is not None) == ("deleted", True)


async def test_what_holds_still_is_left_alone_by_the_sweep(org: OrgKit) -> None:
    story = await make_story(org)
    spot_id = await spot_of(story, "published")
    await say(story, spot_id, granted=True, left_s=3600)
    async with org.database.tenant(org.id) as session:
        assert await consents.run_out(session, spot_id) is None
        spot = await session.get_one(BrightSpot, (org.id, spot_id))
        assert (spot.state, spot.version, spot.clip_asset_id is not None) == ("published", 1, True)


async def test_the_sweep_finds_nothing_where_nothing_is(org: OrgKit) -> None:
    async with org.database.tenant(org.id) as session:
        assert await consents.run_out(session, new_id()) is None


async def test_an_archived_one_takes_a_refusal_but_no_consent(org: OrgKit) -> None:
    story = await make_story(org)
    spot_id = await spot_of(story, "archived")
    async with org.database.tenant(org.id) as session:
        spot = await session.get_one(BrightSpot, (org.id, spot_id))
        with pytest.raises(IllegalMoveError, match="archived"):
            await consents.answer(session, spot, story.rep.id, granted=True)
        await consents.answer(session, spot, story.rep.id, granted=False)
        assert (spot.state, await consents.answers(session, spot)) == ("archived", {story.rep.id: "refused"})
        with pytest.raises(IllegalMoveError, match="archived"):
            await consents.ask_again(session, spot)
        spot.cut = 1  # what was refused is not written


async def test_what_is_missing_is_named_by_person_and_clip(org: OrgKit) -> None:
    story = await make_story(org)
    spot_id = await spot_of(story)
    async with org.database.tenant(org.id) as session:
        spot = await session.get_one(BrightSpot, (org.id, spot_id))
        assert await consents.missing(session, spot) == [f"consent:{story.rep.id}"]
        await consents.answer(session, spot, story.rep.id, granted=True)
        assert await consents.missing(session, spot) == []
        await consents.drop_clip(session, spot)
        assert await consents.missing(session, spot) == ["clip"]
