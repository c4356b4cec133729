"""The `showme` command. A wrong setting or argument is one line and exit status 2, never a traceback."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from api.settings import SettingError, Settings, read_settings


class CommandError(Exception):
    """A command that could not do its work; the message is one line that says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(read_settings(), arguments))
    except (SettingError, CommandError) as error:
        print(f"showme: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except asyncio.CancelledError:  # asked to end before it was started
        return 128 + signal.SIGTERM


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="showme", description="Asynchronous video coaching.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="everything on this machine: database, migrations, API, worker")
    up.add_argument("--demo", action="store_true", help="with the demo organization")
    up.set_defaults(run=_up)

    commands.add_parser("serve", help="the API").set_defaults(run=_serve)
    commands.add_parser("worker", help="the worker: uploads to videos, clips, mail").set_defaults(run=_worker)
    commands.add_parser("migrate", help="bring the database to this version").set_defaults(run=_migrate)
    doctor = commands.add_parser("doctor", help="check every part, and say what to do")
    doctor.add_argument("--mend", action="store_true", help="make what the store lacks: bucket, CORS, lifecycle")
    doctor.set_defaults(run=_doctor)

    store = commands.add_parser("store", help="the object store").add_subparsers(required=True, metavar="ACTION")
    check = store.add_parser("check", help="compare the rows of the database with the objects of the store")
    check.add_argument("--repair", action="store_true", help="remove what belongs to nothing, make again what is gone")
    check.add_argument("--org", metavar="SLUG", help="of this organization only")
    check.set_defaults(run=_store_check)

    org = commands.add_parser("org", help="organizations").add_subparsers(required=True, metavar="ACTION")
    create = org.add_parser("create", help="make an organization with its first admin")
    create.add_argument("--slug", required=True, help="its name at sign-in: a-z, 0-9 and -")
    create.add_argument("--name", required=True)
    create.add_argument("--time-zone", default="UTC", help="an IANA time zone")
    create.add_argument("--admin-email", required=True)
    create.add_argument("--admin-name", default="Admin")
    create.add_argument("--password-stdin", action="store_true", required=True, help="read the password from stdin")
    create.set_defaults(run=_org_create)

    backup = commands.add_parser("backup", help="write the database and a listing of the store to a folder")
    backup.add_argument("folder", type=Path, metavar="FOLDER", help="a new one")
    backup.add_argument("--with-objects", action="store_true", help="the objects too, not their listing only")
    backup.set_defaults(run=_backup)

    restore = commands.add_parser("restore", help="bring a backup back, and look for each object of the store")
    restore.add_argument("folder", type=Path, metavar="FOLDER", help="what backup has written")
    restore.add_argument("--replace", action="store_true", help="lose the organizations that the database has now")
    restore.add_argument("--anyway", action="store_true", help="leave out those objects of a backup that are damaged")
    restore.set_defaults(run=_restore)

    upgrade = commands.add_parser("upgrade-db", help="bring the embedded database to this version's PostgreSQL")
    upgrade.add_argument("--anyway", action="store_true", help="make it anew even if it is of that PostgreSQL already")
    upgrade.set_defaults(run=_upgrade_db)

    demo = commands.add_parser("demo", help="tell the whole story over HTTP, and check each step")
    demo.add_argument("--url", help="a running server; without it, one of its own in a temporary folder")
    demo.add_argument("--org", help="with --url: the organization's slug")
    demo.add_argument("--email", help="with --url: an admin's e-mail address; the password is read from stdin")
    demo.set_defaults(run=_demo)

    openapi = commands.add_parser("openapi", help="print the OpenAPI document, or write the folder")
    openapi.add_argument("--write", type=Path, metavar="FOLDER")
    openapi.set_defaults(run=_openapi)
    return parser


# Each command imports what it needs when it runs: `showme --help` should not wait for the whole house.


def _up(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.up import up

    return asyncio.run(up(settings, demo=arguments.demo))


def _serve(settings: Settings, _arguments: argparse.Namespace) -> int:
    from api.run import serve

    return serve(settings)


def _worker(settings: Settings, _arguments: argparse.Namespace) -> int:
    from api.work import work

    return work(settings)


def _migrate(settings: Settings, _arguments: argparse.Namespace) -> int:
    from api.parts import migrate_database

    migrate_database(settings)
    return 0


def _doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.doctor import doctor

    status: int = asyncio.run(doctor(settings, mend=arguments.mend))
    return status


def _store_check(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.store_check import StoreCheckError, store_check

    try:
        whole = asyncio.run(store_check(settings, repair=arguments.repair, slug=arguments.org, say=_say))
    except StoreCheckError as error:
        raise CommandError(str(error)) from error
    return 0 if whole else 1


def _org_create(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.orgs import NewOrg, create_org

    password = sys.stdin.readline().rstrip("\n")
    new = NewOrg(
        arguments.slug, arguments.name, arguments.time_zone, arguments.admin_email, arguments.admin_name, password
    )
    org_id = asyncio.run(create_org(settings, new))
    print(f"Made the organization {arguments.slug} ({org_id}); {arguments.admin_email} can sign in.")
    return 0


def _backup(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.backup import backup
    from api.pg_tools import ToolError

    try:
        backup(settings, arguments.folder, with_objects=arguments.with_objects, say=_say)
    except ToolError as error:
        raise CommandError(str(error)) from error
    return 0


def _restore(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.pg_tools import ToolError
    from api.restore import restore

    try:
        whole = restore(settings, arguments.folder, replace=arguments.replace, anyway=arguments.anyway, say=_say)
    except ToolError as error:
        raise CommandError(str(error)) from error
    return 0 if whole else 1


def _upgrade_db(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.pg_tools import ToolError
    from api.upgrade_db import upgrade_db

    try:
        upgrade_db(settings, anyway=arguments.anyway, say=_say)
    except ToolError as error:
        raise CommandError(str(error)) from error
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _demo(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.demo.command import demo

    return demo(settings, url=arguments.url, org=arguments.org, email=arguments.email)


def _openapi(settings: Settings, arguments: argparse.Namespace) -> int:
    from api.openapi.folder import print_document, write_folder

    if arguments.write:
        write_folder(settings, arguments.write)
    else:
        print_document(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
