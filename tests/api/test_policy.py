"""Who sees what, and who may do what: role by relation by action, written out.

The relations are to what `rep` does in the team `north`, which lies below `region`: `peer` is rep in north, `manager`
manages north, `above` region; `outsider` and `elsewhere` are rep and manager of south; `former` managed north once;
`stranger` is enablement and a manager in another organization. x: yes, a dot: no.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import select

from api.auth import Tokens
from api.embedded import Urls
from api.policy import RULES, VISIBLE, perspective, visible
from models.base import Tenant
from models.bright_spot import Segment
from models.database import Database
from models.org import Org
from tests.client import Document
from tests.conftest import SECRET
from tests.factories.people import OrgKit, new_org
from tests.factories.relations import World, make_world

SEEN = """
                              rep peer outsider manager above elsewhere former enablement admin stranger
take-draft                     x   .      .       .      .       .       .        .         .      .
take-practice                  x   .      .       .      .       .       .        .         .      .
take-submitting                x   .      .       x      x       .       .        x         .      .
take-submitted                 x   .      .       x      x       .       .        x         .      .
take-needs_replacement         x   .      .       x      x       .       .        x         .      .
take-reviewed                  x   .      .       x      x       .       .        x         .      .
take-withdrawn                 x   .      .       .      .       .       .        .         .      .
take-discarded                 x   .      .       .      .       .       .        .         .      .
assignment                     x   .      .       x      x       .       .        x         .      .
upload                         x   .      .       .      .       .       .        .         .      .
critique-draft-by-manager      .   .      .       x      .       .       .        .         .      .
critique-published-by-manager  x   .      .       x      x       .       .        x         .      .
critique-superseded-by-manager x   .      .       x      x       .       .        x         .      .
critique-discarded-by-manager  .   .      .       x      .       .       .        .         .      .
critique-published-by-former   x   .      .       x      x       .       x        x         .      .
critique-draft-by-rep          x   .      .       .      .       .       .        .         .      .
moment-alone                   x   .      .       x      x       .       .        x         .      .
moment-of-draft-critique       .   .      .       x      .       .       .        .         .      .
moment-of-published-critique   x   .      .       x      x       .       .        x         .      .
next-step-draft                .   .      .       x      .       .       .        .         .      .
next-step-published            x   .      .       x      x       .       .        x         .      .
remark-on-published-critique   x   .      .       x      x       .       .        x         .      .
remark-on-superseded-critique  x   .      .       x      x       .       .        x         .      .
reply-to-moment-alone          x   .      .       x      x       .       .        x         .      .
reply-to-moment-of-published-critique x .  .      x      x       .       .        x         .      .
draft-version-of-manager       .   .      .       x      .       .       .        .         .      .
delegation                     .   .      .       x      .       x       .        .         x      .
guest-review                   x   .      .       x      x       .       .        x         .      .
asset-of-draft                 x   .      .       .      .       .       .        .         .      .
asset-of-practice              x   .      .       .      .       .       .        .         .      .
asset-of-submitted             x   .      .       x      x       .       .        x         .      .
asset-of-withdrawn             x   .      .       .      .       .       .        .         .      .
asset-deleted                  x   .      .       .      .       .       .        .         x      .
asset-prompt-published         x   .      .       x      x       .       .        x         .      .
asset-prompt-draft             .   .      .       x      .       .       .        .         .      .
asset-prompt-unanswered        x   .      .       x      x       .       .        x         .      .
asset-prompt-timed             .   .      .       x      x       .       .        x         .      .
asset-model-answer-answered    x   .      .       x      x       .       .        x         .      .
asset-model-answer-unanswered  .   .      .       x      x       .       .        x         .      .
asset-model-answer-timed       .   .      .       x      x       .       .        x         .      .
asset-attachment-published     x   .      .       x      x       .       .        x         .      .
asset-attachment-draft         .   .      .       x      .       .       .        .         .      .
asset-clip-draft               .   .      .       x      .       .       .        .         .      .
asset-clip-awaiting_consent    x   .      .       x      .       .       .        .         .      .
asset-clip-published           x   x      .       x      .       .       .        x         .      .
asset-clip-revoked             x   .      .       x      .       .       .        .         .      .
bright-spot-draft              .   .      .       x      .       .       .        .         .      .
bright-spot-awaiting_consent   x   .      .       x      .       .       .        .         .      .
bright-spot-declined           x   .      .       x      .       .       .        .         .      .
bright-spot-ready              x   .      .       x      .       .       .        .         .      .
bright-spot-published          x   x      .       x      .       .       .        x         .      .
bright-spot-revoked            x   .      .       x      .       .       .        .         .      .
bright-spot-archived           x   .      .       x      .       .       .        .         .      .
bright-spot-to-everyone        x   x      x       x      x       x       x        x         x      .
bright-spot-to-region-and-below x  x      x       x      x       x       .        x         .      .
bright-spot-to-region-alone    x   .      .       x      x       .       .        x         .      .
bright-spot-to-outsider        x   .      x       x      .       .       .        x         .      .
challenge-published            x   .      .       x      x       .       .        x         .      .
challenge-draft                .   .      .       x      .       .       .        .         .      .
challenge-of-former            .   .      .       .      .       .       x        x         .      .
template                       .   .      .       x      x       x       .        x         .      .
template-archived              .   .      .       .      .       .       .        .         .      .
asset-of-template              .   .      .       x      x       x       .        x         .      .
asset-of-template-archived     .   .      .       x      .       .       .        .         .      .
series                         .   .      .       x      .       .       .        x         .      .
team-north                     x   x      x       x      x       x       x        x         x      .
"""

MAY = """
                                                     rep peer outsider manager above elsewhere former enablement admin
may_see                   take-submitted              x   x      x       x      x       x       x        x         x
may_run_org               -                           .   .      .       .      .       .       .        .         x
may_author_skills         -                           .   .      .       .      .       .       .        x         x
may_author_rubrics        -                           .   .      .       x      x       x       .        x         x
may_author_challenges     -                           .   .      .       x      x       x       .        x         .
may_edit_challenge        challenge-draft             .   .      .       x      .       .       .        x         .
may_edit_challenge        challenge-of-former         .   .      .       .      .       .       .        x         .
may_run_assignment        assignment                  .   .      .       x      x       .       .        x         .
may_run_challenge         challenge-draft             .   .      .       x      x       x       .        x         .
may_answer                assignment                  x   .      .       .      .       .       .        .         .
may_edit_take             take-draft                  x   .      .       .      .       .       .        .         .
may_critique              take-submitted              x   .      .       x      x       .       .        x         .
may_review                take-submitted              .   .      .       x      x       .       .        x         .
may_name_reviewers        take-submitted              .   .      .       x      x       .       .        x         .
may_invite_guests         take-submitted              .   .      .       x      x       .       .        x         .
may_end_guest             guest-review                x   .      .       x      x       .       .        x         .
may_delegate              -                           .   .      .       x      x       x       .        .         .
may_end_delegation        delegation                  .   .      .       x      .       x       .        .         x
may_remark                take-submitted              x   .      .       x      x       .       .        x         .
may_write_critique        critique-draft-by-manager   .   .      .       x      .       .       .        .         .
may_acknowledge           take-submitted              x   .      .       .      .       .       .        .         .
may_edit_moment           moment-alone                .   .      .       x      .       .       .        .         .
may_report_step           next-step-published         x   .      .       .      .       .       .        .         .
may_see_market_signals    -                           .   .      .       .      .       .       .        x         .
may_see_progress          subject                     x   .      .       x      x       .       .        x         .
may_see_team_progress     team-north                  .   .      .       x      x       .       .        x         .
may_edit_asset            asset-of-submitted          x   .      .       .      .       .       .        .         .
may_caption               asset-of-submitted          x   .      .       .      .       .       .        x         .
may_see_details           -                           .   .      .       .      .       .       .        x         x
may_see_erasure           asset-of-submitted          x   .      .       .      .       .       .        .         x
may_show                  take-submitted              x   .      .       x      x       .       .        x         .
may_consent               segment-ready               x   .      .       .      .       .       .        .         .
may_see_consents          bright-spot-ready           .   .      .       x      .       .       .        x         .
may_edit_bright_spot      bright-spot-ready           .   .      .       x      .       .       .        .         .
may_archive_bright_spot   bright-spot-ready           .   .      .       x      .       .       .        x         .
may_use_templates         template                    .   .      .       x      x       x       .        x         .
may_edit_template         template                    .   .      .       x      .       .       .        x         .
may_edit_series           series                      .   .      .       x      .       .       .        x         .
"""

PERSPECTIVES = {
    "rep": "self",
    "peer": "peer",
    "outsider": "peer",
    "manager": "manager",
    "above": "manager",
    "elsewhere": "peer",
    "former": "peer",
    "enablement": "manager",
    "admin": "peer",
}

Table = list[tuple[tuple[str, ...], dict[str, bool]]]


def table(drawn: str, labels: int) -> Table:
    head, *lines = [line.split() for line in drawn.strip().splitlines()]
    return [
        (tuple(line[:labels]), {who: mark == "x" for who, mark in zip(head, line[labels:], strict=True)})
        for line in lines
    ]


@pytest.fixture(scope="module")
async def world(app: Litestar, database: Database, document: Document, urls: Urls) -> AsyncIterator[World]:
    def kit(org: Org) -> OrgKit:
        return OrgKit(org.id, org.slug, database, Tokens(SECRET), document, app)

    kits = [kit(await new_org(urls.migrate)), kit(await new_org(urls.migrate))]
    yield await make_world(*kits)
    for made in kits:
        for client in made.clients:
            await client.aclose()


def model_of(world: World, name: str) -> type[Tenant]:
    found: type[Tenant] = type(world.things[name])
    return found


async def sees(world: World, who: str, name: str) -> bool:
    actor, model, thing = world.actors[who], model_of(world, name), world.things[name]
    query = select(model.id).where(visible(actor, model), model.id == thing.id)
    # In the thing's own tenant even for the stranger: the predicate itself must name the organization.
    async with world.org.database.tenant(world.org.id) as session:
        return await session.scalar(query) is not None


@pytest.mark.parametrize(("names", "expected"), table(SEEN, 1))
async def test_who_sees_it(world: World, names: tuple[str], expected: dict[str, bool]) -> None:
    assert {who: await sees(world, who, names[0]) for who in expected} == expected


@pytest.mark.parametrize(("names", "expected"), table(MAY, 2))
def test_who_may_do_it(world: World, names: tuple[str, str], expected: dict[str, bool]) -> None:
    rule = next(rule for rule in RULES if rule.__name__ == names[0])
    thing = world.things.get(names[1])
    assert {who: rule(world.actors[who], thing) for who in expected} == expected


@pytest.mark.parametrize(("who", "expected"), PERSPECTIVES.items())
def test_the_perspective_follows_from_who_judges(world: World, who: str, expected: str) -> None:
    assert perspective(world.actors[who], world.things["take-submitted"]) == expected


def test_each_rule_has_its_rows() -> None:
    assert {rule.__name__ for rule in RULES} == {names[0] for names, _ in table(MAY, 2)}


def test_each_actor_has_a_column(world: World) -> None:
    assert set(table(SEEN, 1)[0][1]) == set(world.actors)
    assert set(table(MAY, 2)[0][1]) == set(world.actors) - {"stranger"}


async def test_what_has_no_predicate_is_seen_by_nobody(world: World) -> None:
    assert Segment not in VISIBLE
    assert not await sees(world, "enablement", "segment-published")


def test_nobody_runs_an_assignment_of_their_own(world: World) -> None:
    rule = next(rule for rule in RULES if rule.__name__ == "may_run_assignment")
    own: Any = world.things["assignment"]
    actor = world.actors["rep"]
    promoted = type(actor)(
        actor.org_id, actor.person_id, actor.session_id, "enablement", "Robin", "UTC", frozenset({own.team_id})
    )
    assert not rule(promoted, own)
