from typing import Any

from litestar import Request, Response, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import OWN, allowed
from api.auth import Actor
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.org import service
from api.org.schemas import OrgOut, OrgPatch
from api.policy import may_run_org
from api.problems import declared


@get(
    "/org",
    opt=OWN,
    operation_id="GetOrg",
    summary="The caller's organization, and what it asks of critiques",
    response_headers=ETAG_HEADER,
    responses=declared(),
    tags=["organization"],
)
async def get_org(actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]) -> Response[OrgOut]:
    org = await service.org_of(session, actor)
    return Response(service.org_out(org), headers=tagged(org.version))


@patch(
    "/org",
    dependencies={"admin": allowed(may_run_org)},
    operation_id="UpdateOrg",
    summary="Change the organization's settings",
    response_headers=ETAG_HEADER,
    responses=declared(403, 412, 428),
    tags=["organization"],
)
async def update_org(
    data: JSONBody[OrgPatch],
    admin: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[OrgOut]:
    del if_match
    org = await service.org_of(session, admin, lock=True)
    await require_match(request, org.version, service.org_out(org))
    await service.change_org(session, org, data)
    return Response(service.org_out(org), headers=tagged(org.version))


routes = [get_org, update_org]
