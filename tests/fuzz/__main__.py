"""`make fuzz`: cases made from the document, against the application in this process over a real PostgreSQL."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from api.embedded import EmbeddedPostgres
from api.logs import configure_logs
from api.settings import Settings
from media.storage import open_storage
from models.migrate import migrate
from tests.fuzz.campaign import Campaign
from tests.fuzz.findings import Finding
from tests.fuzz.home import Home

SECRET = b"a secret of the fuzzer, 32 bytes or more"
EVERY = 250


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    configure_logs("readable", "error")
    with tempfile.TemporaryDirectory(prefix="showme-fuzz-", ignore_cleanup_errors=True) as folder:
        return _run(Path(folder), asked.cases, asked.seed)


def _run(folder: Path, cases: int, seed: int) -> int:
    postgres = EmbeddedPostgres(folder, fast=True)
    with postgres:
        urls = postgres.create_database("of_the_fuzzer")
        migrate(urls.migrate, urls.app)
        settings = Settings(
            data_dir=folder, database_url=urls.app, migrate_url=urls.migrate, public_url="http://testserver"
        )
        storage = open_storage(settings.store, secret=SECRET, public_url=settings.base_url)
        with Home(urls, settings, storage, SECRET) as home:
            campaign = Campaign(home, cases, seed, _Progress().show, _say)
            for ending in (signal.SIGINT, signal.SIGTERM):  # what was found until then is worth telling
                signal.signal(ending, lambda *_: campaign.stop())
            campaign.run()
    _report(campaign)
    return 1 if len(campaign.findings) or campaign.sent < cases else 0


def _say(finding: Finding) -> None:
    """Tell of a finding at once: the run goes on for long."""
    sys.stdout.write(f"{finding.text()}\n\n")
    sys.stdout.flush()


class _Progress:
    def __init__(self) -> None:
        self._began = time.monotonic()

    def show(self, campaign: Campaign) -> None:
        if campaign.sent % EVERY:
            return
        rate = campaign.sent / (time.monotonic() - self._began)
        line = f"{campaign.sent} of {campaign.cases} cases, {rate:.0f} a second, {len(campaign.findings)} findings"
        sys.stderr.write(f"\r{line}   ")
        sys.stderr.flush()


def _report(campaign: Campaign) -> None:
    sys.stderr.write("\n")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(campaign.kinds.items()))
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(campaign.answers.items()))
    found = f"{len(campaign.findings)} findings"
    for line in (f"{campaign.sent} cases with seed {campaign.seed}: {kinds}", answers, found):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
