"""What is content of a challenge, and what is not: each table and column stands on one side."""

from typing import Any

import pytest
from sqlalchemy import ForeignKeyConstraint

import models.all
from models.asset import Asset
from models.base import Base
from models.challenge import Attachment, Challenge, ModelAnswer, Prompt
from models.copying import OWN, OWN_OF_PARTS, PARTS, assets_in, content_of, new_challenge, write_parts
from models.ids import new_id
from models.team import Audience
from tests.factories.people import OrgKit
from tests.factories.takes import make_story

assert models.all.metadata is Base.metadata

CONTENT = {
    *("title", "kind", "brief", "max_takes", "pass_mark"),
    *("practice_allowed", "late_accepted", "timed", "window_ms"),
}
# What points at a challenge and is not what it asks: what people made of it, and who it is run by and with.
ABOUT = {"assignment", "take", "series", "occurrence", "challenge_pair", "challenge_reviewer"}


def tables_below_a_challenge() -> set[str]:
    return {
        table.name
        for table in Base.metadata.tables.values()
        for key in table.constraints
        if isinstance(key, ForeignKeyConstraint) and key.referred_table.name == "challenge"
    }


def test_each_column_of_a_challenge_is_content_or_its_own() -> None:
    """A new one is copied; it stands here once somebody has thought of that."""
    columns = {column.key for column in Challenge.__table__.columns}
    assert columns - OWN == CONTENT
    assert columns >= OWN


@pytest.mark.parametrize("name", sorted(PARTS))
def test_each_part_is_below_a_challenge(name: str) -> None:
    columns = {column.key for column in PARTS[name].__table__.columns}
    assert columns >= OWN_OF_PARTS
    assert columns - OWN_OF_PARTS


def test_each_table_below_a_challenge_is_content_or_not() -> None:
    parts = {model.__tablename__ for model in PARTS.values()}
    assert parts <= tables_below_a_challenge()
    assert tables_below_a_challenge() - parts <= ABOUT


async def test_a_copy_says_all_that_the_challenge_says(org: OrgKit) -> None:
    values: dict[str, Any] = {
        "max_takes": 3,
        "pass_mark": 0.5,
        "late_accepted": False,
        "practice_allowed": False,
        "brief": "Say it.",
    }
    story = await make_story(org, prompts=2, **values)
    async with org.database.tenant(org.id) as session:
        files = [Asset(org_id=org.id, owner_id=story.manager.id, purpose="attachment") for _ in range(2)]
        session.add_all(files)
        audience = Audience(org_id=org.id)
        session.add(audience)
        await session.flush()
        of_it = {"org_id": org.id, "challenge_id": story.challenge_id}
        session.add_all(Attachment(**of_it, position=place, asset_id=file.id) for place, file in enumerate(files))
        session.add(ModelAnswer(**of_it, text="Like this."))
        prompt = await session.get_one(Prompt, (org.id, story.prompts[0]))
        prompt.notes, prompt.preparation_ms, prompt.asset_id = "Pause.", 5000, files[0].id
        await session.flush()
        source = await session.get_one(Challenge, (org.id, story.challenge_id))
        content = await content_of(session, source)
        assert assets_in(content) == {file.id for file in files}
        own = {"rubric_id": source.rubric_id, "audience_id": audience.id, "created_by": story.rep.id}
        copy = new_challenge(content, org_id=org.id, id=new_id(), **own)
        session.add(copy)
        await session.flush()
        await write_parts(session, copy, content)
        assert await content_of(session, copy) == content
        assert (copy.state, copy.rubric_version_id, copy.brief, copy.late_accepted) == ("draft", None, "Say it.", False)


async def test_what_an_older_content_does_not_know_has_its_default(org: OrgKit) -> None:
    content = {"challenge": {"title": "Old", "kind": "open", "forgotten": 1}, "prompts": []}
    challenge = new_challenge(content, org_id=org.id)
    assert (challenge.title, challenge.practice_allowed, challenge.max_takes) == ("Old", True, None)
