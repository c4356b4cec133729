"""Every table, imported once, for migrations and for tests that walk the catalogue."""

from models import (
    asset,
    bright_spot,
    challenge,
    critique,
    event,
    org,
    person,
    progress,
    rubric,
    skill,
    take,
    team,
    throttle,
)
from models.base import Base

metadata = Base.metadata

__all__ = [
    "asset",
    "bright_spot",
    "challenge",
    "critique",
    "event",
    "metadata",
    "org",
    "person",
    "progress",
    "rubric",
    "skill",
    "take",
    "team",
    "throttle",
]
