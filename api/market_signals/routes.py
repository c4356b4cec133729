from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed
from api.auth import Actor
from api.market_signals import service
from api.market_signals.schemas import SignalsOut
from api.market_signals.service import MOST_EXPORTED, Asked
from api.paging import Cursor, Limit
from api.policy_critiques import may_see_market_signals
from api.problems import declared
from api.times import INSTANT, read_instant

CSV = "text/csv"
FILENAME = 'attachment; filename="market-signals.csv"'


def _instant(description: str) -> Any:
    return QueryParameter(
        description=description,
        pattern=INSTANT,
        max_length=40,
        schema_extra={"format": "date-time", "examples": ["2027-03-01T17:00:00Z"]},
    )


Since = Annotated[str | None, _instant("Those remarked since then.")]
Until = Annotated[str | None, _instant("Those remarked before then.")]
OfSkillOnly = Annotated[UUID | None, QueryParameter(description="Those on a criterion of this skill.")]


def _asked(since: str | None, until: str | None, skill_id: UUID | None) -> Asked:
    return Asked(read_instant(since, "#query/since"), read_instant(until, "#query/until"), skill_id)


@get(
    "/market-signals",
    dependencies={"checked": allowed(may_see_market_signals)},
    operation_id="ListMarketSignals",
    summary="What reviewers hear of the market: quotes without names, and how many there are of what",
    description=(
        "The remarks that were marked with `market_signal`, once they are out, for enablement. Neither the person nor "
        "the reviewer, their team or the video is told, and their names are left out of the text; the names of others "
        "in it stay as they were written."
    ),
    responses=declared(403),
    tags=["market signals"],
)
async def list_market_signals(
    checked: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    since: Since = None,
    until: Until = None,
    skill_id: OfSkillOnly = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SignalsOut:
    return await service.list_signals(session, checked, _asked(since, until, skill_id), limit, cursor)


@get(
    "/market-signals/export.csv",
    dependencies={"checked": allowed(may_see_market_signals)},
    operation_id="ExportMarketSignals",
    summary="The same quotes as a table for a spreadsheet, newest first",
    description=f"UTF-8, at most {MOST_EXPORTED} lines: ask for a time at a time. A text that a spreadsheet would take "
    "for a formula begins with an apostrophe.",
    media_type=CSV,
    responses=declared(403),
    response_headers=[ResponseHeader(name="Content-Disposition", description=FILENAME, documentation_only=True)],
    tags=["market signals"],
)
async def export_market_signals(
    checked: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    since: Since = None,
    until: Until = None,
    skill_id: OfSkillOnly = None,
) -> Response[str]:
    table = await service.export(session, checked, _asked(since, until, skill_id))
    return Response(table, media_type=CSV, headers={"content-disposition": FILENAME})


routes = [list_market_signals, export_market_signals]
