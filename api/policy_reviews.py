"""Who reviews what: through a team, in somebody's place, or by name; and who is told of guests.

Whoever was named judges as a manager does: only who manages some team, or is of enablement, can be.
"""

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import aliased

from api.auth import Actor
from models.challenge import Challenge
from models.review import Delegation, GuestReview
from models.reviewing import named
from models.take import Take

Predicate = ColumnElement[bool]

_take = aliased(Take)  # of its own, whatever else the statement around it reads


def reviews_some_of(actor: Actor) -> Predicate:
    """Return whether the actor was named to review takes of a Challenge that somebody else has handed in."""
    mine = select(_take.challenge_id).where(
        _take.org_id == actor.org_id,
        named(_take, actor.person_id),
        _take.person_id != actor.person_id,
        _take.state.in_(("submitting", "submitted", "needs_replacement", "reviewed")),
    )
    return Challenge.id.in_(mine)


def delegation(actor: Actor) -> Predicate:
    """Who lends, and who is lent to; admins, who answer for who may see what."""
    if actor.is_admin:
        return Delegation.org_id == actor.org_id
    return or_(Delegation.person_id == actor.person_id, Delegation.delegate_id == actor.person_id)


def guest_review(actor: Actor, sees: Predicate) -> Predicate:
    """Whoever sees the Take; its person is told of every guest."""
    of_take = exists().where(Take.org_id == actor.org_id, Take.id == GuestReview.take_id, sees)
    return or_(of_take, GuestReview.person_id == actor.person_id)


def may_review(actor: Actor, take: Take) -> bool:
    """Judge it in a manager's place: never one's own."""
    if take.person_id == actor.person_id:
        return False
    return actor.is_enablement or actor.reviews(take.team_id) or actor.person_id in take.reviewer_ids


def may_name_reviewers(actor: Actor, take: Take) -> bool:
    """Enablement, and who manages the team or stands in for one who does; never for one's own."""
    return take.person_id != actor.person_id and (actor.is_enablement or actor.reviews(take.team_id))


def may_invite_guests(actor: Actor, take: Take) -> bool:
    """Enablement and the managers of its team: not who stands in, and not who was named."""
    return take.person_id != actor.person_id and (actor.is_enablement or actor.manages(take.team_id))


def may_end_guest(actor: Actor, guest: GuestReview) -> bool:
    """Who invited, enablement, the managers of the team; and the person who is seen, at any time."""
    mine = actor.person_id in {guest.invited_by, guest.person_id}
    return mine or actor.is_enablement or actor.manages(guest.team_id)


def may_delegate(actor: Actor, _thing: object = None) -> bool:
    return bool(actor.managed)


def may_end_delegation(actor: Actor, lent: Delegation) -> bool:
    """Both of them, and admins."""
    return actor.is_admin or actor.person_id in {lent.person_id, lent.delegate_id}


REVIEW_RULES = (
    may_review,
    may_name_reviewers,
    may_invite_guests,
    may_end_guest,
    may_delegate,
    may_end_delegation,
)
