from typing import Any

from litestar import Request, delete, get, patch, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import OWN, PUBLIC, one
from api.accounts import links, service, sessions
from api.accounts.schemas import (
    AcceptInvitation,
    Me,
    MePatch,
    Refresh,
    ResetPassword,
    SessionOut,
    SignedIn,
    SignIn,
)
from api.auth import Actor
from api.paging import Cursor, Limit, Page, after, page
from api.policy import may_see
from api.problems import declared
from models.base import now
from models.errors import InvalidError
from models.person import Session


def _gate(state: State) -> sessions.Gate:
    return sessions.Gate(state.database, state.tokens, state.secret)


def _client(request: Request[Any, Any, Any]) -> sessions.Client:
    return sessions.Client(request.client.host if request.client else "", request.headers.get("user-agent", ""))


@post(
    "/auth/sign-in",
    status_code=200,
    opt=PUBLIC,
    security=[{}],
    operation_id="SignIn",
    summary="Sign in with a password",
    responses=declared(429),
    tags=["accounts"],
)
async def sign_in(data: JSONBody[SignIn], state: State, request: Request[Any, Any, Any]) -> SignedIn:
    return await sessions.sign_in(_gate(state), data, _client(request))


@post(
    "/auth/refresh",
    status_code=200,
    opt=PUBLIC,
    security=[{}],
    operation_id="RefreshSession",
    summary="Get a new access token; the refresh token rotates",
    description=(
        "A refresh token is used once. The last used one, sent again within two minutes and before its successor "
        "was used, gets the same successor again; any other replay ends the session."
    ),
    responses=declared(),
    tags=["accounts"],
)
async def refresh(data: JSONBody[Refresh], state: State) -> SignedIn:
    return await sessions.refresh(_gate(state), data.refresh_token)


@post(
    "/auth/sign-out",
    status_code=204,
    opt=OWN,
    operation_id="SignOut",
    summary="End this session",
    responses=declared(),
    tags=["accounts"],
)
async def sign_out(actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]) -> None:
    await service.end_session(session, actor, actor.session_id)


@post(
    "/auth/accept-invitation",
    status_code=200,
    opt=PUBLIC,
    security=[{}],
    operation_id="AcceptInvitation",
    summary="Set the first password, and sign in",
    responses=declared(),
    tags=["accounts"],
)
async def accept_invitation(
    data: JSONBody[AcceptInvitation], state: State, request: Request[Any, Any, Any]
) -> SignedIn:
    return await links.accept_invitation(_gate(state), data, _client(request))


@post(
    "/auth/reset-password",
    status_code=204,
    opt=PUBLIC,
    security=[{}],
    operation_id="ResetPassword",
    summary="Ask for a reset link, or set the new password with it",
    description="Asking answers the same whether the account exists or not. Setting ends every session.",
    responses=declared(429),
    tags=["accounts"],
)
async def reset_password(data: JSONBody[ResetPassword], state: State, request: Request[Any, Any, Any]) -> None:
    if data.token is not None and data.password is not None and data.org is None and data.email is None:
        await links.set_password(_gate(state), data.token, data.password)
    elif data.org is not None and data.email is not None and data.token is None and data.password is None:
        await links.ask_for_reset(_gate(state), data.org, data.email, _client(request))
    else:
        raise InvalidError("Send either org and email, to ask; or token and password, to set.")


@get(
    "/me",
    opt=OWN,
    operation_id="GetMe",
    summary="Who I am, and the server's time",
    description=(
        "`storage` is for admins of an organization with a quota. `nearly_full`, from 80 % on, is the time to delete "
        "videos: at 100 % `CreateUpload` answers `quota-exceeded`."
    ),
    responses=declared(),
    tags=["accounts"],
)
async def get_me(actor: NamedDependency[Actor], session: NamedDependency[AsyncSession], state: State) -> Me:
    return await service.me(session, state.settings, actor)


@patch(
    "/me",
    opt=OWN,
    operation_id="UpdateMe",
    summary="Change my name or time zone",
    responses=declared(),
    tags=["accounts"],
)
async def update_me(
    data: JSONBody[MePatch], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession], state: State
) -> Me:
    await service.update_me(session, actor, data)
    return await service.me(session, state.settings, actor)


@get(
    "/me/sessions",
    opt=OWN,
    operation_id="ListMySessions",
    summary="Where I am signed in",
    responses=declared(),
    tags=["accounts"],
)
async def list_sessions(
    actor: NamedDependency[Actor], session: NamedDependency[AsyncSession], limit: Limit = 50, cursor: Cursor = None
) -> Page[SessionOut]:
    query = select(Session).where(
        Session.org_id == actor.org_id,
        Session.person_id == actor.person_id,
        Session.revoked_at.is_(None),
        Session.expires_at > now(),
    )
    query = after(query, [Session.last_used_at, Session.id], cursor, limit, descending=True)
    rows = (await session.scalars(query)).all()
    return page(rows, limit, lambda row: (row.last_used_at, row.id), lambda row: service.session_out(row, actor))


@delete(
    "/me/sessions",
    opt=OWN,
    operation_id="EndOtherSessions",
    summary="Sign out everywhere else",
    responses=declared(),
    tags=["accounts"],
)
async def end_other_sessions(actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]) -> None:
    await sessions.end_sessions(session, actor.org_id, actor.person_id, but=actor.session_id)


@delete(
    "/me/sessions/{session_id:uuid}",
    dependencies={"ended": one(Session, may_see)},
    operation_id="EndSession",
    summary="Sign out there",
    responses=declared(),
    tags=["accounts"],
)
async def end_session(
    ended: NamedDependency[Session], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> None:
    await service.end_session(session, actor, ended.id)


routes = [
    sign_in,
    refresh,
    sign_out,
    accept_invitation,
    reset_password,
    get_me,
    update_me,
    list_sessions,
    end_other_sessions,
    end_session,
]
