"""Once a day, a walk through the whole store: what belongs to nothing goes, and what is not there is said."""

import time
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from media.inventory import Finding, Lost, inventory_of, org_ids
from media.jobs.context import WorkerContext
from media.mending import mend
from media.sweeps import guarded
from models.ids import new_id

FIRST_S = 3600.0
# What crashes leave is little. Much more means that the rows are an old backup's, or another database's: a person is to
# look before the only copy of a month's videos goes.
FEW, FEW_PERCENT = 20, 5
log = structlog.get_logger()


class StoreRounds:
    """The first is made an hour after the start, so that a worker that is restarted often makes none too many."""

    def __init__(self, context: WorkerContext, *, every_s: float) -> None:
        self._context = context
        self._every_s = every_s
        self._next = time.monotonic() + min(every_s, FIRST_S)

    async def round(self) -> None:
        """Make one if its time has come."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            with bound_contextvars(request_id=f"sweep-{new_id().hex}"):
                await walk_through(self._context)


async def walk_through(context: WorkerContext) -> None:
    async for org_id in org_ids(context.database):
        with bound_contextvars(org_id=str(org_id)):
            await guarded(_walk_through_org(context, org_id))


async def _walk_through_org(context: WorkerContext, org_id: UUID) -> None:
    inventory, loose = inventory_of(context.database, context.storage, org_id), list[Finding]()
    async for finding in inventory.findings():
        if isinstance(finding, Lost):  # what is to be done about it, an operator decides: `showme store check --repair`
            log.error("objects are not in the store", asset_id=str(finding.asset_id), keys=finding.keys)
        else:
            loose.append(finding)
    objects = inventory.counts.objects
    if len(loose) > max(FEW, FEW_PERCENT * objects // 100):
        log.error("too many objects belong to nothing: showme store check --repair", loose=len(loose), objects=objects)
        return
    for finding in loose:
        await mend(context.database, context.storage, org_id, finding)
    if loose:
        log.info("the store was tidied", removed=len(loose), objects=objects)
