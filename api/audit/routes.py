from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed
from api.audit import service
from api.audit.schemas import AuditOut
from api.auth import Actor
from api.paging import Cursor, Limit, Page
from api.policy import may_run_org
from api.problems import declared
from api.times import INSTANT, read_instant

Name = Annotated[
    str | None,
    QueryParameter(description="Of an event, such as `take.submitted`, or its first word: `take`.", max_length=100),
]
PersonId = Annotated[UUID | None, QueryParameter(description="Whose it was.")]
ActorId = Annotated[UUID | None, QueryParameter(description="Who acted.")]
SubjectId = Annotated[UUID | None, QueryParameter(description="To what it happened.")]
WHEN = {"format": "date-time", "examples": ["2027-03-01T17:00:00Z"]}
Since = Annotated[
    str | None, QueryParameter(pattern=INSTANT, max_length=40, schema_extra=WHEN, description="From this instant on.")
]
Until = Annotated[
    str | None, QueryParameter(pattern=INSTANT, max_length=40, schema_extra=WHEN, description="Before this instant.")
]


@get(
    "/audit",
    dependencies={"admin": allowed(may_run_org)},
    operation_id="ListAuditEvents",
    summary="What happened in the organization, newest first",
    description=(
        "For admins: who did what to what, without texts and videos. A page looks at 20,000 events at most; so one "
        "with a filter may have few items, or none, and a `next_cursor` nevertheless."
    ),
    responses=declared(403),
    tags=["audit"],
)
async def list_audit_events(
    admin: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    name: Name = None,
    person_id: PersonId = None,
    actor_id: ActorId = None,
    subject_id: SubjectId = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditOut]:
    times = read_instant(since, "#query/since"), read_instant(until, "#query/until")
    wanted = service.Wanted(name, person_id, actor_id, subject_id, *times)
    return await service.list_events(session, admin, wanted, limit, cursor)


routes = [list_audit_events]
