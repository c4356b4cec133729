"""What changed for somebody, in the order of commits: one statement over the ways an event is routed.

Each way has an index in this order, and is read no further than a page: a page costs what it shows, however much there
is. Where each event has to be looked at, whether it is for the one who asks, a window of them is read, and the page
ends where that does: those of audiences, and for who manages many teams those of all teams.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.sql.elements import ColumnElement

from api.auth import Actor, any_actor
from api.policy import VISIBLE, in_audience, visible
from models.base import EVERYONE, STAFF, WORK
from models.event import Event, EventRecipient, Xid8
from models.reads import Statement, given, given_ids, prepared
from models.review import Delegation
from models.team import Membership, Team

WINDOW = 500
MANY_TEAMS = 20
FIRST = {"xid": "'0'::xid8", "id": "'00000000-0000-0000-0000-000000000000'::uuid"}
FOREVER: ColumnElement[Any] = literal_column("'infinity'::timestamptz")
# What is asked of an event, by the first word of its name.
KINDS = {model.__tablename__: model for model in VISIBLE}


def circles_of(org_role: str) -> tuple[str, ...]:
    """Return the circles somebody of this role belongs to."""
    return {"admin": (EVERYONE, STAFF), "enablement": (EVERYONE, STAFF, WORK)}.get(org_role, (EVERYONE,))


def _place() -> CTE:
    """Where to go on, and below what it is sure that nothing is committed any more.

    The place of another server, from which this one was restored, is as good as the first: `since` bounds it.
    """
    server: ColumnElement[Any] = literal_column("(pg_control_system()).system_identifier", BigInteger)
    here = server == given("server", BigInteger)
    xid = cast(cast(given("xid", Text), Text), Xid8)
    return select(
        server.label("server"),
        func.pg_snapshot_xmin(func.pg_current_snapshot(), type_=Xid8).label("below"),
        case((here, xid), else_=literal_column(FIRST["xid"])).label("xid"),
        case((here, given("id", Uuid)), else_=literal_column(FIRST["id"])).label("id"),
    ).cte("place")


@dataclass(frozen=True, slots=True)
class _Ways:
    me: Actor
    place: CTE

    def after(self, xid: Any, key: Any, at: Any) -> ColumnElement[bool]:
        place = self.place.c
        start = tuple_(select(place.xid).scalar_subquery(), select(place.id).scalar_subquery())
        below = select(place.below).scalar_subquery()
        return and_(tuple_(xid, key) > start, xid < below, at >= given("since", Event.at.type))

    def events(self, *where: ColumnElement[bool], most: Any = None) -> Any:
        query = select(Event.xid, Event.id, Event.at, Event.audience_id, Event.team_id)
        return (
            query.where(Event.org_id == self.me.org_id, self.after(Event.xid, Event.id, Event.at), *where)
            .order_by(Event.xid, Event.id)
            .limit(given("rows", Integer) if most is None else most)
        )

    def mine(self) -> Any:
        return self.events(Event.person_id == self.me.person_id)

    def in_circle(self, circle: str) -> Any:
        return self.events(Event.circle == circle)

    def addressed(self) -> Any:
        """What somebody is told who is named beside those it is routed to."""
        to = EventRecipient
        query = select(to.xid, to.event_id.label("id"), to.event_at.label("at"))
        mine = and_(to.org_id == self.me.org_id, to.person_id == self.me.person_id)
        query = query.where(mine, self.after(to.xid, to.event_id, to.event_at))
        return query.order_by(to.xid, to.event_id).limit(given("rows", Integer))

    def of_teams(self) -> Any:
        """What happened in a team, and those below, while one managed it."""
        managing = _managing(self.me)
        span = and_(Event.at >= managing.c.from_at, Event.at < managing.c.until_at)
        found = self.events(Event.team_id == managing.c.team_id, span).correlate(managing).lateral("in_team")
        rows = select(found.c.xid, found.c.id, found.c.at).select_from(managing).join(found, true())
        return rows.order_by(found.c.xid, found.c.id).limit(given("rows", Integer))

    def windows(self, *, many_teams: bool) -> list[tuple[CTE, ColumnElement[bool]]]:
        """What is looked at one by one, and which of it is for the one who asks."""
        told = self._window("told_audiences", Event.audience_id.is_not(None))
        found = [(told, in_audience(self.me, told.c.audience_id))]
        managing = _managing(self.me)
        for circle in (WORK, STAFF) if many_teams else ():
            rows = self._window(f"{circle}_of_teams", Event.circle == circle, Event.team_id.is_not(None))
            span = and_(rows.c.at >= managing.c.from_at, rows.c.at < managing.c.until_at)
            found.append((rows, exists().where(managing.c.team_id == rows.c.team_id, span)))
        return found

    def _window(self, name: str, *where: ColumnElement[bool]) -> CTE:
        window: CTE = self.events(*where, most=literal_column(str(WINDOW))).cte(name)
        return window


def _managing(me: Actor) -> CTE:
    """The teams somebody manages or managed, or in whose manager's place they are or were; with those below, and
    since when until when.
    """
    manages = and_(Membership.org_id == me.org_id, Membership.role == "manager")
    ends = func.coalesce(Membership.until_at, FOREVER)
    own: Any = select(Membership.team_id, Membership.from_at, ends.label("until_at"))
    lent: Any = select(
        Membership.team_id,
        func.greatest(Membership.from_at, Delegation.from_at),
        func.least(ends, Delegation.until_at, func.coalesce(Delegation.ended_at, FOREVER)),
    ).join(Delegation, Delegation.person_id == Membership.person_id)
    both = own.where(manages, Membership.person_id == me.person_id).union(
        lent.where(manages, Delegation.org_id == me.org_id, Delegation.delegate_id == me.person_id)
    )
    mine = select(both.subquery("both")).cte("managing", recursive=True)  # which takes one more SELECT, and no union
    below: Any = select(Team.id, mine.c.from_at, mine.c.until_at).join(mine, Team.parent_id == mine.c.team_id)
    # What was hung below a team after one managed it is not one's own: of the past nobody knows any more.
    found: CTE = mine.union(below.where(Team.org_id == me.org_id, mine.c.until_at > func.now()))
    return found


def _edge(windows: list[CTE]) -> CTE:
    """Where the first of the windows ends that are full: what comes behind was not looked at."""
    ends = [_end(window) for window in windows]
    all_ends = ends[0].union_all(*ends[1:]).subquery("ends")
    return select(all_ends).order_by(all_ends.c.xid, all_ends.c.id).limit(1).cte("edge")


def _end(window: CTE) -> Select[Any]:
    full = select(func.count()).select_from(window).scalar_subquery() == WINDOW
    last = select(window.c.xid, window.c.id, window.c.at).where(full)
    last = last.order_by(window.c.xid.desc(), window.c.id.desc()).limit(1)
    return select(*last.subquery().c)


@cache
def changes_statement(org_role: str, *, many_teams: bool) -> Statement:
    """`rows` is how many at most. There is always one row, which says where the page ends."""
    me = any_actor(org_role)
    place = _place()
    ways = _Ways(me, place)
    windows = ways.windows(many_teams=many_teams)
    edge = _edge([window for window, _ in windows])
    routed = [ways.mine(), *map(ways.in_circle, circles_of(org_role)), ways.addressed()]
    routed += [] if many_teams else [ways.of_teams()]
    parts = [select(*list(one.subquery().c)[:3]) for one in routed]
    parts += [select(window.c.xid, window.c.id, window.c.at).where(mine) for window, mine in windows]
    found = union(*parts).subquery("found")
    last = tuple_(select(edge.c.xid).scalar_subquery(), select(edge.c.id).scalar_subquery())
    page = (
        select(found)
        .where(or_(~exists(select(edge.c.id)), tuple_(found.c.xid, found.c.id) <= last))
        .order_by(found.c.xid, found.c.id)
        .limit(given("rows", Integer))
        .subquery("page")
    )
    event = and_(Event.org_id == me.org_id, Event.id == page.c.id, Event.at == page.c.at)
    query = (
        select(
            place.c.server,
            cast(place.c.below, Text).label("below"),
            func.clock_timestamp().label("read_at"),
            cast(edge.c.xid, Text).label("edge_xid"),
            edge.c.id.label("edge_id"),
            edge.c.at.label("edge_at"),
            cast(page.c.xid, Text).label("xid"),
            Event.id,
            Event.at,
            Event.v,
            Event.name,
            Event.subject_id,
            Event.actor_id,
            Event.data,
        )
        .select_from(place)
        .outerjoin(edge, true())
        .outerjoin(page, true())
        .outerjoin(Event, event)
        .order_by(page.c.xid, page.c.id)
    )
    return prepared(query)


@cache
def visible_statement(org_role: str, kind: str) -> Statement:
    """Which of the `wanted` things of a kind somebody of this role sees."""
    model = KINDS[kind]
    return prepared(select(model.id).where(visible(any_actor(org_role), model), model.id.in_(given_ids("wanted"))))
