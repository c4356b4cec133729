"""The starter library: challenges and rubrics that come with Showme, as data beside this file."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeVar
from uuid import UUID, uuid5

import msgspec

# The id of a starter is made of its key, the same in each organization.
NAMESPACE = UUID("5c1a8f0e-0f1e-4e8a-9a53-6d0a7c3f9b21")
FOLDER = "starters"
T = TypeVar("T")


class StarterSkill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    name: str
    description: str


class StarterLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    points: float
    label: str
    anchor: str


class StarterCriterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`skill` is the key of a StarterSkill."""

    key: str
    skill: str
    title: str
    weight: float
    required: bool
    must_pass: bool
    allow_na: bool
    levels: list[StarterLevel]


class StarterRubric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    title: str
    criteria: list[StarterCriterion]


class StarterPrompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    max_duration_ms: int
    preparation_ms: int | None = None
    notes: str = ""


class Starter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A challenge to begin with. `summary` says when to use it; `rubric` is the key of a StarterRubric."""

    key: str
    title: str
    kind: str
    rubric: str
    summary: str
    brief: str
    prompts: list[StarterPrompt]
    max_takes: int | None = None
    pass_mark: float | None = None
    practice_allowed: bool = True
    timed: bool = False

    @property
    def id(self) -> UUID:
        return uuid5(NAMESPACE, self.key)

    def content(self) -> dict[str, Any]:
        """Return what a challenge made of it says, as `models.copying` has it."""
        names = ("title", "kind", "brief", "max_takes", "pass_mark", "practice_allowed", "timed")
        prompts = [
            {"position": position, **msgspec.to_builtins(prompt)} for position, prompt in enumerate(self.prompts)
        ]
        return {"challenge": {name: getattr(self, name) for name in names}, "prompts": prompts}


@dataclass(frozen=True)
class Library:
    """Starters in the order in which they are shown; rubrics and skills by key."""

    starters: tuple[Starter, ...]
    rubrics: dict[str, StarterRubric]
    skills: dict[str, StarterSkill]


@cache
def library() -> Library:
    skills = msgspec.json.decode((resources.files("api.library") / FOLDER / "skills.json").read_bytes())
    return Library(
        tuple(_read("challenges", Starter)),
        {one.key: one for one in _read("rubrics", StarterRubric)},
        {one.key: one for one in msgspec.convert(skills, list[StarterSkill])},
    )


def starter_of(key: UUID) -> Starter | None:
    return next((one for one in library().starters if one.id == key), None)


def _read(folder: str, kind: type[T]) -> Iterator[T]:
    files = (resources.files("api.library") / FOLDER / folder).iterdir()
    for file in sorted((one for one in files if one.name.endswith(".json")), key=lambda one: one.name):
        yield msgspec.json.decode(file.read_bytes(), type=kind)
