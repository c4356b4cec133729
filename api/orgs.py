"""Organizations are made by the operator, as the owner role: the application role may not."""

import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from api.accounts.passwords import hash_password
from api.parts import database_urls
from api.settings import SettingError, Settings
from api.zones import check_zone
from models.errors import InvalidError
from models.ids import new_id
from models.org import Org
from models.person import Person

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class NewOrg:
    slug: str
    name: str
    time_zone: str
    admin_email: str
    admin_name: str
    password: str


def _check(new: NewOrg) -> None:
    if not SLUG.fullmatch(new.slug):
        raise SettingError(f"--slug must be lower-case letters, digits and hyphens, 63 at most, not {new.slug!r}.")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", new.admin_email):
        raise SettingError(f"--admin-email is not an e-mail address: {new.admin_email!r}.")
    if not 10 <= len(new.password) <= 200:
        raise SettingError("the password on stdin must have 10 to 200 characters.")
    if not new.name.strip():
        raise SettingError("--name must not be empty.")
    try:
        check_zone(new.time_zone)
    except InvalidError as error:
        raise SettingError(f"--time-zone: {error.detail}") from error


async def create_org(settings: Settings, new: NewOrg) -> UUID:
    """Make the organization and its first admin.

    Raises:
        SettingError: an argument is not valid, or the slug is taken.
    """
    _check(new)
    url = database_urls(settings).migrate
    if not url:
        raise SettingError("set SHOWME_MIGRATE_URL to the owner role's URL to make an organization.")
    org = Org(id=new_id(), slug=new.slug, name=new.name, time_zone=new.time_zone)
    admin = Person(
        org_id=org.id,
        name=new.admin_name,
        email=new.admin_email.lower(),
        org_role="admin",
        state="active",
        password_hash=await hash_password(new.password),
    )
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            session.add(org)
            await session.flush()
            session.add(admin)
    except IntegrityError as error:
        raise SettingError(f"there is an organization {new.slug} already.") from error
    except (OSError, DBAPIError) as error:
        raise SettingError(f"the database refuses: {error}") from error
    finally:
        await engine.dispose()
    return org.id
