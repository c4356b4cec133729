from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed, one
from api.auth import Actor
from api.challenges.copying import CopyIn
from api.challenges.representation import challenge_out
from api.challenges.schemas import ChallengeOut, Kind
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.library import service
from api.library.representation import template_out, template_page
from api.library.schemas import Origin, TemplateIn, TemplateItem, TemplateOut, TemplatePatch
from api.paging import Cursor, Limit, Page
from api.policy import Rule, may_author_challenges
from api.policy_library import may_edit_template, may_use_templates
from api.problems import declared
from models.challenge import Challenge
from models.errors import ForbiddenError
from models.template import Template

AGAIN = {200: ResponseSpec(TemplateOut, generate_examples=False, description="The template made with this id before")}
DRAFTED = {200: ResponseSpec(ChallengeOut, generate_examples=False, description="The draft made with this id before")}
ByOrigin = Annotated[
    Origin | None, QueryParameter(name="origin", description="`starter`: those that come with Showme.")
]
OfKind = Annotated[Kind | None, QueryParameter(description="Only templates of this kind.")]


def known(rule: Rule, *, lock: bool = False) -> Provide:
    """Load a starter, or an own template that the actor sees (404), then ask the rule (403)."""

    async def load(
        session: NamedDependency[AsyncSession],
        actor: NamedDependency[Actor],
        template_id: Annotated[UUID, PathParameter()],
    ) -> service.Known:
        template = await service.find_template(session, actor, template_id, lock=lock)
        if not rule(actor, template.found):
            raise ForbiddenError("You may see this template, but not do this with it.")
        return template

    load.rule, load.model = rule, Template  # type: ignore[attr-defined]  # read by the test that walks the routes
    return Provide(load)


async def _drafted(session: AsyncSession, actor: Actor, challenge: Challenge, *, new: bool) -> Response[ChallengeOut]:
    body = await challenge_out(session, actor, challenge)
    return created(body, new=new, headers=tagged(challenge.version))


@get(
    "/templates",
    dependencies={"author": allowed(may_use_templates)},
    operation_id="ListTemplates",
    summary="The starter library, then the organization's own templates, newest first",
    responses=declared(403),
    tags=["library"],
)
async def list_templates(
    author: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    by_origin: ByOrigin = None,
    kind: OfKind = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TemplateItem]:
    return await template_page(session, author, by_origin, kind, limit, cursor)


@post(
    "/templates",
    dependencies={"author": allowed(may_use_templates)},
    operation_id="CreateTemplate",
    summary="Keep what a challenge asks, for all who make challenges",
    description="Everything but whom it asked, and when: prompts, rules, model answer, attachments and the rubric.",
    response_headers=ETAG_HEADER,
    responses=AGAIN | declared(403, 409),
    tags=["library"],
)
async def create_template(
    data: JSONBody[TemplateIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[TemplateOut]:
    template, new = await service.create_template(session, author, data)
    body = await template_out(session, template, author.org_id)
    return created(body, new=new, headers=tagged(template.version))


@get(
    "/templates/{template_id:uuid}",
    dependencies={"template": known(may_use_templates)},
    operation_id="GetTemplate",
    summary="One template, whole",
    response_headers=ETAG_HEADER,
    responses=declared(403),
    tags=["library"],
)
async def get_template(
    template: NamedDependency[service.Known], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[TemplateOut]:
    body = await template_out(session, template.found, actor.org_id)
    return Response(body, headers=tagged(body.version))


@patch(
    "/templates/{template_id:uuid}",
    dependencies={"template": known(may_edit_template, lock=True)},
    operation_id="UpdateTemplate",
    summary="Change an own template; what was made of it stays as it is",
    response_headers=ETAG_HEADER,
    responses=declared(403, 412, 428),
    tags=["library"],
)
async def update_template(
    data: JSONBody[TemplatePatch],
    template: NamedDependency[service.Known],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[TemplateOut]:
    del if_match

    async def current() -> TemplateOut:
        return await template_out(session, template.own, actor.org_id)

    await require_match(request, template.own.version, current)
    await service.change_template(session, actor, template.own, data)
    return Response(await current(), headers=tagged(template.own.version))


@delete(
    "/templates/{template_id:uuid}",
    dependencies={"template": known(may_edit_template, lock=True)},
    operation_id="DeleteTemplate",
    summary="Put an own template away; what was made of it stays",
    responses=declared(403),
    tags=["library"],
)
async def delete_template(template: NamedDependency[service.Known], session: NamedDependency[AsyncSession]) -> None:
    await service.archive_template(session, template.own)


@post(
    "/templates/{template_id:uuid}/use",
    dependencies={"template": known(may_use_templates)},
    operation_id="UseTemplate",
    summary="Draft a challenge of a template",
    description=(
        "A starter brings its rubric, and the skills of that, once for the organization: the next one finds them, as "
        "they have been edited meanwhile. A skill of the same name is taken for the same."
    ),
    response_headers=ETAG_HEADER,
    responses=DRAFTED | declared(403, 409),
    tags=["library"],
)
async def use_template(
    data: JSONBody[CopyIn],
    template: NamedDependency[service.Known],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[ChallengeOut]:
    challenge, new = await service.use(session, actor, template, data)
    return await _drafted(session, actor, challenge, new=new)


@post(
    "/challenges/{challenge_id:uuid}/clone",
    dependencies={"challenge": one(Challenge, may_author_challenges)},
    operation_id="CloneChallenge",
    summary="Draft a challenge that asks the same",
    description="Whom it asks, and when, is not copied. Publishing it takes the rubric as it is then.",
    response_headers=ETAG_HEADER,
    responses=DRAFTED | declared(403, 409),
    tags=["library"],
)
async def clone_challenge(
    data: JSONBody[CopyIn],
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[ChallengeOut]:
    made, new = await service.clone(session, actor, challenge, data)
    return await _drafted(session, actor, made, new=new)


routes = [
    list_templates,
    create_template,
    get_template,
    update_template,
    delete_template,
    use_template,
    clone_challenge,
]
