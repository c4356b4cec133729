"""Who sees what, and who may do what: one table each.

`VISIBLE` turns an actor into a SQL predicate, so that what is not visible is absent (404). The rules below it are pure
functions of an actor and an object that is visible; a refusal is 403.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, true

from api import policy_critiques, policy_library, policy_reviews
from api.auth import Actor
from api.policy_challenges import challenge_assets
from api.refs import PersonRef
from models.asset import Asset, Upload
from models.base import Tenant
from models.bright_spot import BrightSpot, Consent, Segment
from models.challenge import Assignment, Challenge
from models.conversation import CritiqueRemark, DraftVersion, MomentReply
from models.critique import Critique, Moment, NextStep
from models.person import Person, Session
from models.review import Delegation, GuestReview
from models.reviewing import named
from models.rubric import Rubric, RubricVersion
from models.series import Series
from models.skill import Skill
from models.take import Response, Take
from models.team import Audience, AudiencePerson, AudienceTeam, Membership, Team
from models.template import Template

Predicate = ColumnElement[bool]

# A take in one of these has been shown to a reviewer by its rep.
SHOWN = ("submitting", "submitted", "needs_replacement", "reviewed")


def in_audience(actor: Actor, audience_id: Any) -> Predicate:
    """Return whether the actor belongs to an audience, as `include_subteams` says."""
    org = actor.org_id
    return exists().where(
        Audience.org_id == org,
        Audience.id == audience_id,
        or_(
            Audience.everyone,
            exists().where(
                AudiencePerson.org_id == org,
                AudiencePerson.audience_id == Audience.id,
                AudiencePerson.person_id == actor.person_id,
            ),
            exists().where(
                AudienceTeam.org_id == org,
                AudienceTeam.audience_id == Audience.id,
                or_(
                    AudienceTeam.team_id.in_(actor.teams),
                    and_(Audience.include_subteams, AudienceTeam.team_id.in_(actor.teams_above)),
                ),
            ),
        ),
    )


def _everything(_actor: Actor) -> Predicate:
    return true()


def _person(actor: Actor) -> Predicate:
    if actor.is_admin or actor.is_enablement:
        return true()
    near = exists().where(
        Membership.org_id == actor.org_id,
        Membership.person_id == Person.id,
        Membership.until_at.is_(None),
        or_(Membership.team_id.in_(actor.reviewed), Membership.team_id.in_(actor.teams)),
    )
    return or_(Person.id == actor.person_id, near)


def _session(actor: Actor) -> Predicate:
    return Session.person_id == actor.person_id


def _challenge(actor: Actor) -> Predicate:
    own = Challenge.created_by == actor.person_id
    if actor.is_enablement:
        return or_(own, Challenge.state != "draft")
    assigned = exists().where(
        Assignment.org_id == actor.org_id,
        Assignment.challenge_id == Challenge.id,
        or_(Assignment.person_id == actor.person_id, Assignment.team_id.in_(actor.reviewed)),
    )
    return or_(own, and_(Challenge.state != "draft", or_(assigned, policy_reviews.reviews_some_of(actor))))


def _assignment(actor: Actor) -> Predicate:
    if actor.is_enablement:
        return true()
    return or_(Assignment.person_id == actor.person_id, Assignment.team_id.in_(actor.reviewed))


def _take(actor: Actor) -> Predicate:
    shown = and_(Take.state.in_(SHOWN), Take.practice.is_(False))
    asked = or_(Take.team_id.in_(actor.reviewed), named(Take, actor.person_id))
    reviewed_by_me = shown if actor.is_enablement else and_(shown, asked)
    return or_(Take.person_id == actor.person_id, reviewed_by_me)


def _upload(actor: Actor) -> Predicate:
    return Upload.person_id == actor.person_id


def _asset(actor: Actor) -> Predicate:
    org = actor.org_id
    of_take = exists().where(
        Response.org_id == org,
        Response.asset_id == Asset.id,
        Take.org_id == org,
        Take.id == Response.take_id,
        _take(actor),
    )
    of_challenge = challenge_assets(actor, _challenge(actor))
    of_critique = policy_critiques.critique_assets(actor, _critique(actor))
    of_clip = exists().where(BrightSpot.org_id == org, BrightSpot.clip_asset_id == Asset.id, _bright_spot(actor))
    # What is erased an admin answers for: there is nothing left of it to be seen but the receipt.
    erased = [Asset.state == "deleted"] if actor.is_admin else []
    of_template = policy_library.template_asset(actor)
    return or_(Asset.owner_id == actor.person_id, of_take, *of_challenge, *of_critique, of_template, of_clip, *erased)


def _critique(actor: Actor, shown: Callable[[Actor], Predicate] = policy_critiques.sees_others) -> Predicate:
    visible_take = exists().where(Take.org_id == actor.org_id, Take.id == Critique.take_id, _take(actor), shown(actor))
    return or_(Critique.reviewer_id == actor.person_id, and_(Critique.state.in_(policy_critiques.OUT), visible_take))


def _moment(actor: Actor) -> Predicate:
    org = actor.org_id
    shown = or_(policy_critiques.sees_others(actor), policy_critiques.said_by_its_person())
    visible_take = exists().where(Take.org_id == org, Take.id == Moment.take_id, _take(actor), shown)
    out = exists().where(
        Critique.org_id == org, Critique.id == Moment.critique_id, Critique.state.in_(policy_critiques.OUT)
    )
    return or_(Moment.author_id == actor.person_id, and_(visible_take, or_(Moment.critique_id.is_(None), out)))


def _next_step(actor: Actor) -> Predicate:
    """With its critique; and what is agreed follows the person, to whoever manages them now."""
    org = actor.org_id
    seen = _critique(actor, policy_critiques.sees_steps)
    of_critique = exists().where(Critique.org_id == org, Critique.id == NextStep.critique_id, seen)
    managed = exists().where(
        Membership.org_id == org,
        Membership.person_id == NextStep.person_id,
        Membership.until_at.is_(None),
        Membership.team_id.in_(actor.managed),
    )
    judging = exists().where(
        Critique.org_id == org,
        Critique.id == NextStep.critique_id,
        policy_critiques.judges_blind(actor, Critique.take_id),
    )
    agreed = and_(NextStep.published_at.is_not(None), or_(NextStep.person_id == actor.person_id, managed))
    return or_(of_critique, and_(agreed, ~judging))


def _bright_spot(actor: Actor) -> Predicate:
    shown = exists().where(
        Segment.org_id == actor.org_id,
        Segment.bright_spot_id == BrightSpot.id,
        Segment.person_id == actor.person_id,
    )
    # The sweep revokes it a little later; until then it is out of sight already.
    run_out = exists().where(
        Consent.org_id == actor.org_id,
        Consent.bright_spot_id == BrightSpot.id,
        Consent.cut == BrightSpot.cut,
        Consent.until <= func.now(),
    )
    audience = true() if actor.is_enablement else in_audience(actor, BrightSpot.audience_id)
    return or_(
        BrightSpot.maker_id == actor.person_id,
        and_(BrightSpot.state != "draft", shown),
        and_(BrightSpot.state == "published", audience, ~run_out),
    )


VISIBLE: dict[type[Tenant], Callable[[Actor], Predicate]] = {
    Person: _person,
    Session: _session,
    Team: _everything,
    Skill: _everything,
    Rubric: _everything,
    RubricVersion: _everything,
    Challenge: _challenge,
    Assignment: _assignment,
    Take: _take,
    Upload: _upload,
    Asset: _asset,
    Critique: _critique,
    CritiqueRemark: lambda actor: policy_critiques.critique_remark(actor, _critique(actor)),
    Moment: _moment,
    MomentReply: lambda actor: policy_critiques.moment_reply(actor, _moment(actor)),
    DraftVersion: policy_critiques.draft_version,
    NextStep: _next_step,
    BrightSpot: _bright_spot,
    Template: policy_library.template,
    Series: policy_library.series,
    Delegation: policy_reviews.delegation,
    GuestReview: lambda actor: policy_reviews.guest_review(actor, _take(actor)),
}


def visible(actor: Actor, model: type[Tenant]) -> Predicate:
    """Return the predicate of what the actor sees, the tenant said as well."""
    rule = VISIBLE.get(model)
    return and_(model.org_id == actor.org_id, rule(actor) if rule else false())


Rule = Callable[[Actor, Any], bool]


def may_see(_actor: Actor, _thing: Any) -> bool:
    """To see it is enough: visibility has been checked by the loader."""
    return True


def may_run_org(actor: Actor, _thing: Any = None) -> bool:
    return actor.is_admin


def may_author_skills(actor: Actor, _thing: Any = None) -> bool:
    return actor.is_admin or actor.is_enablement


def may_author_rubrics(actor: Actor, _thing: Any = None) -> bool:
    return may_author_skills(actor) or bool(actor.managed)


def may_author_challenges(actor: Actor, _thing: Any = None) -> bool:
    return actor.is_enablement or bool(actor.managed)


def may_edit_challenge(actor: Actor, challenge: Challenge) -> bool:
    return actor.is_enablement or (challenge.created_by == actor.person_id and bool(actor.managed))


def may_run_assignment(actor: Actor, assignment: Assignment) -> bool:
    """Extend or excuse: enablement, and the managers of the team it was made in, never for oneself."""
    if assignment.person_id == actor.person_id:
        return False
    return actor.is_enablement or actor.manages(assignment.team_id)


def may_run_challenge(actor: Actor, _challenge: Challenge) -> bool:
    """Act on assignments of it: who runs any. Which ones, `may_run_assignment` says of each."""
    return actor.is_enablement or bool(actor.managed)


def may_answer(actor: Actor, assignment: Assignment) -> bool:
    return assignment.person_id == actor.person_id


def may_edit_take(actor: Actor, take: Take) -> bool:
    return take.person_id == actor.person_id


def may_critique(actor: Actor, take: Take) -> bool:
    """Everyone who sees a submitted take: its reviewers and enablement; its rep for a self critique."""
    return take.person_id == actor.person_id or policy_reviews.may_review(actor, take)


def may_remark(actor: Actor, take: Take) -> bool:
    return may_critique(actor, take)


def may_write_critique(actor: Actor, critique: Critique) -> bool:
    return critique.reviewer_id == actor.person_id


def may_acknowledge(actor: Actor, take: Take) -> bool:
    return take.person_id == actor.person_id


def may_edit_moment(actor: Actor, moment: Moment) -> bool:
    return moment.author_id == actor.person_id


def may_report_step(actor: Actor, step: NextStep) -> bool:
    return step.person_id == actor.person_id


@dataclass(frozen=True, slots=True)
class Subject:
    """A person whose progress is asked for, with the teams they are in."""

    person: Person | PersonRef
    team_ids: frozenset[UUID]


def may_see_progress(actor: Actor, subject: Subject) -> bool:
    """Oneself, the managers of a team the person is in, and enablement; not admins by that role."""
    if subject.person.id == actor.person_id or actor.is_enablement:
        return True
    return bool(actor.reviewed & subject.team_ids)


def may_see_team_progress(actor: Actor, team: Team) -> bool:
    return actor.is_enablement or actor.reviews(team.id)


def may_edit_asset(actor: Actor, asset: Asset) -> bool:
    return asset.owner_id == actor.person_id


def may_caption(actor: Actor, asset: Asset) -> bool:
    """What is said in a video is written by whose it is, and by enablement for what it sees."""
    return asset.owner_id == actor.person_id or actor.is_enablement


def may_see_details(actor: Actor, _thing: Any = None) -> bool:
    """What programs said when a video failed: for who runs things, beside the sentence that all see."""
    return actor.is_admin or actor.is_enablement


def may_see_erasure(actor: Actor, asset: Asset) -> bool:
    return asset.owner_id == actor.person_id or actor.is_admin


def may_show(actor: Actor, take: Take) -> bool:
    """Make a bright spot of it: its rep, enablement, and the managers of the team it was made in."""
    return take.person_id == actor.person_id or actor.is_enablement or actor.manages(take.team_id)


def may_consent(actor: Actor, segment: Segment) -> bool:
    return segment.person_id == actor.person_id


def may_see_consents(actor: Actor, bright_spot: BrightSpot) -> bool:
    """Who agreed, and whom it is for: its maker and enablement, beside those it shows."""
    return bright_spot.maker_id == actor.person_id or actor.is_enablement


def may_edit_bright_spot(actor: Actor, bright_spot: BrightSpot) -> bool:
    return bright_spot.maker_id == actor.person_id


def may_archive_bright_spot(actor: Actor, bright_spot: BrightSpot) -> bool:
    return bright_spot.maker_id == actor.person_id or actor.is_enablement


RULES: tuple[Rule, ...] = (
    may_see,
    may_run_org,
    may_author_skills,
    may_author_rubrics,
    may_author_challenges,
    may_edit_challenge,
    may_run_assignment,
    may_run_challenge,
    may_answer,
    may_edit_take,
    may_critique,
    may_remark,
    may_write_critique,
    may_acknowledge,
    may_edit_moment,
    policy_critiques.may_see_market_signals,
    may_report_step,
    may_see_progress,
    may_see_team_progress,
    may_edit_asset,
    may_caption,
    may_see_details,
    may_see_erasure,
    may_show,
    may_consent,
    may_see_consents,
    may_edit_bright_spot,
    may_archive_bright_spot,
    *policy_library.LIBRARY_RULES,
    *policy_reviews.REVIEW_RULES,
)


def perspective(actor: Actor, take: Take) -> str:
    """Return from where the actor judges a take; it follows from who they are, not from what they say."""
    if take.person_id == actor.person_id:
        return "self"
    return "manager" if policy_reviews.may_review(actor, take) else "peer"
