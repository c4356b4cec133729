"""Who sees templates and series, and who may do what with them."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, true

from api.auth import Actor
from models.asset import Asset
from models.series import Series
from models.team import Membership
from models.template import Template, TemplateAsset

Predicate = ColumnElement[bool]


def _authors(actor: Actor) -> Predicate:
    """Return whether the actor makes challenges: enablement, and whoever manages a team now."""
    if actor.is_enablement:
        return true()
    return exists().where(
        Membership.org_id == actor.org_id,
        Membership.person_id == actor.person_id,
        Membership.role == "manager",
        Membership.from_at <= func.now(),
        or_(Membership.until_at.is_(None), Membership.until_at > func.now()),
    )


def template(actor: Actor) -> Predicate:
    """All who make challenges share the templates of their organization."""
    return and_(Template.archived_at.is_(None), _authors(actor))


def template_asset(actor: Actor) -> Predicate:
    """Return whether an Asset is shown as a part of a template."""
    return exists().where(
        TemplateAsset.org_id == actor.org_id,
        TemplateAsset.asset_id == Asset.id,
        Template.org_id == actor.org_id,
        Template.id == TemplateAsset.template_id,
        template(actor),
    )


def series(actor: Actor) -> Predicate:
    """Who made it or answers for it, and enablement."""
    if actor.is_enablement:
        return true()
    return or_(Series.created_by == actor.person_id, Series.responsible_id == actor.person_id)


def may_use_templates(actor: Actor, _thing: Any = None) -> bool:
    return actor.is_enablement or bool(actor.managed)


def may_edit_template(actor: Actor, thing: Any) -> bool:
    """Its author and enablement; what comes with Showme stays as it is."""
    return isinstance(thing, Template) and (
        actor.is_enablement or (thing.created_by == actor.person_id and bool(actor.managed))
    )


def may_edit_series(actor: Actor, thing: Series) -> bool:
    mine = actor.person_id in {thing.created_by, thing.responsible_id}
    return actor.is_enablement or (mine and bool(actor.managed))


LIBRARY_RULES = (may_use_templates, may_edit_template, may_edit_series)
