"""What of a challenge is shown to whom, and from when: its prompts, its model answer and what is attached to it."""

from sqlalchemy import ColumnElement, exists, or_, true
from sqlalchemy.orm import aliased

from api.auth import Actor
from api.policy_reviews import reviews_some_of
from models.asset import Asset
from models.challenge import Assignment, Attachment, Challenge, ModelAnswer, Prompt
from models.take import Take

Predicate = ColumnElement[bool]

# A take in one of these has arrived whole: whoever handed it in has answered for themselves.
ARRIVED = ("submitted", "reviewed")
# Of their own, whatever else the statement around them reads.
_copy, _take = aliased(Assignment), aliased(Take)


def sees_all_of(actor: Actor) -> Predicate:
    """Return whether the actor sees all of a Challenge ahead of those who answer it.

    Its author does, enablement, who reviews it, and who manages somebody else that has it.
    """
    if actor.is_enablement:
        return true()
    of_others = exists().where(
        _copy.org_id == actor.org_id,
        _copy.challenge_id == Challenge.id,
        _copy.team_id.in_(actor.reviewed),
        _copy.person_id != actor.person_id,
    )
    return or_(Challenge.created_by == actor.person_id, of_others, reviews_some_of(actor))


def prompts_open(actor: Actor) -> Predicate:
    """Return whether the prompts of a Challenge are shown: of a timed one, once the actor's clock has begun."""
    return or_(Challenge.timed.is_(False), sees_all_of(actor), _own_take(actor))


def model_answer_open(actor: Actor) -> Predicate:
    """Return whether the model answer of a Challenge is shown: once a take of the actor's own has arrived."""
    return or_(sees_all_of(actor), _own_take(actor, *ARRIVED))


def _own_take(actor: Actor, *states: str) -> Predicate:
    mine = exists().where(
        _take.org_id == actor.org_id,
        _take.challenge_id == Challenge.id,
        _take.person_id == actor.person_id,
        _take.practice.is_(False),
    )
    return mine.where(_take.state.in_(states)) if states else mine


def challenge_assets(actor: Actor, sees: Predicate) -> list[Predicate]:
    """Return how an Asset is shown as a part of a Challenge; `sees` is who sees the challenge itself."""
    org = actor.org_id

    def of(part: type[Prompt | ModelAnswer | Attachment], shown: Predicate) -> Predicate:
        return exists().where(
            part.org_id == org,
            part.asset_id == Asset.id,
            Challenge.org_id == org,
            Challenge.id == part.challenge_id,
            sees,
            shown,
        )

    return [
        of(Prompt, prompts_open(actor)),
        of(ModelAnswer, model_answer_open(actor)),
        of(Attachment, true()),
    ]
