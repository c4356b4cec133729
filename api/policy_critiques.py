"""Who sees what of critiques: blind reviews, the conversation under them, and drafts that were kept.

Where an organization reviews blind, a manager who may judge a take sees nothing that another reviewer published of it
before having published their own; what its person says of it themselves waits as long. The person sees all that is
published. Enablement answers for all reviews, so it is blind only while it has a draft of its own.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased

from api.auth import Actor
from models.asset import Asset
from models.conversation import CritiqueRemark, DraftVersion, MomentReply
from models.critique import Critique, Moment
from models.org import Org
from models.take import Take

Predicate = ColumnElement[bool]

# Published, or it was before it was superseded.
OUT = ("published", "superseded")
_mine = aliased(Critique)  # of its own, whatever else the statement around it reads


def sees_others(actor: Actor) -> Predicate:
    """Return whether the actor sees what others said of a Take: it is theirs, or they are not to be blind any more."""
    may = [~_has(actor, Take.id, "draft")] if actor.is_enablement else []
    return or_(Take.person_id == actor.person_id, ~_blind_org(actor), _has(actor, Take.id, *OUT), *may)


def sees_steps(actor: Actor) -> Predicate:
    """Return whether the actor sees the next steps agreed on a Take: all do but who is just judging it blind.

    They are the person's, and the next take is asked about them, whoever judges it.
    """
    return or_(Take.person_id == actor.person_id, ~judges_blind(actor, Take.id))


def judges_blind(actor: Actor, take_id: Any) -> Predicate:
    """Return whether the actor is writing a critique of a take that has to be their own view."""
    return and_(_blind_org(actor), _has(actor, take_id, "draft"), ~_has(actor, take_id, *OUT))


def said_by_its_person() -> Predicate:
    """Return whether a Moment is a remark of the Take's own person, outside of any critique."""
    return and_(Moment.critique_id.is_(None), Moment.author_id == Take.person_id)


def _blind_org(actor: Actor) -> Predicate:
    return exists().where(Org.id == actor.org_id, Org.blind_reviews)


def _has(actor: Actor, take_id: Any, *states: str) -> Predicate:
    return exists().where(
        _mine.org_id == actor.org_id,
        _mine.take_id == take_id,
        _mine.reviewer_id == actor.person_id,
        _mine.state.in_(states),
    )


def critique_assets(actor: Actor, sees: Predicate) -> list[Predicate]:
    """Return how an Asset is shown as something said of a take; `sees` is who sees the Critique it belongs to."""
    org = actor.org_id
    of_critique = exists().where(Critique.org_id == org, Critique.reply_asset_id == Asset.id, sees)
    of_remark = exists().where(
        CritiqueRemark.org_id == org,
        CritiqueRemark.asset_id == Asset.id,
        Critique.org_id == org,
        Critique.id == CritiqueRemark.critique_id,
        sees,
    )
    return [of_critique, of_remark]


def critique_remark(actor: Actor, sees: Predicate) -> Predicate:
    """Whoever sees the Critique."""
    org = actor.org_id
    return exists().where(Critique.org_id == org, Critique.id == CritiqueRemark.critique_id, sees)


def moment_reply(actor: Actor, sees: Predicate) -> Predicate:
    """Whoever sees the Moment."""
    return exists().where(Moment.org_id == actor.org_id, Moment.id == MomentReply.moment_id, sees)


def draft_version(actor: Actor) -> Predicate:
    return DraftVersion.author_id == actor.person_id


def may_see_market_signals(actor: Actor, _thing: Any = None) -> bool:
    """What reviewers hear of the market, over all teams and without names: who answers for all of them."""
    return actor.is_enablement
