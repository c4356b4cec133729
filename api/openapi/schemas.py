"""Schemas in the words of the design: short names, and each constraint beside the type it is about."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]

REF = "#/components/schemas/"
_PAGE = re.compile(r"Page_(?:.*\.)?(?P<item>\w+?)_")


def shorten_names(document: Schema) -> Schema:
    """Name schemas without the modules their classes live in: `SkillPage`, not `Page_api.skills.schemas.SkillOut_`.

    Raises:
        ValueError: two classes would share a name.
    """
    schemas = document["components"]["schemas"]
    names = {name: short_name(name) for name in schemas}
    if len(set(names.values())) < len(names):
        twice = sorted(name for name in names.values() if list(names.values()).count(name) > 1)
        raise ValueError(f"More than one schema would be named {', '.join(sorted(set(twice)))}.")
    document["components"]["schemas"] = {names[name]: schemas[name] | {"title": names[name]} for name in schemas}
    renamed: Schema = _rename(document, {REF + name: REF + short for name, short in names.items()})
    return renamed


def short_name(name: str) -> str:
    if found := _PAGE.fullmatch(name):
        return found["item"].removesuffix("Out") + "Page"
    return name.rsplit(".", 1)[-1]


def _rename(part: Any, names: dict[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: names.get(value, value) if key == "$ref" else _rename(value, names) for key, value in part.items()}
    return [_rename(item, names) for item in part] if isinstance(part, list) else part


def tidy(part: Any) -> Any:
    """Return a schema, or what contains some, in its shortest form."""
    if isinstance(part, list):
        return [tidy(item) for item in part]
    if not isinstance(part, dict):
        return part
    found = {key: tidy(value) for key, value in part.items()}
    found = _nullable(found)
    if found.get("type") in ("integer", ["integer", "null"]):
        found = {key: _whole(value) for key, value in found.items()}
    return found


def _nullable(schema: Schema) -> Schema:
    """Join `oneOf: [X, null]` and what stands beside it into X that may be null, unless X is a reference."""
    choices = schema.get("oneOf")
    if not isinstance(choices, list) or len(choices) != 2 or {"type": "null"} not in choices:
        return schema
    value = next((choice for choice in choices if choice != {"type": "null"}), None)
    if value is None or not isinstance(value.get("type"), str):
        return schema
    joined = {**value, **{key: part for key, part in schema.items() if key != "oneOf"}}
    joined["type"] = [value["type"], "null"]
    if "enum" in joined:
        joined["enum"] = [*joined["enum"], None]
    return joined


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def close(document: Schema) -> Schema:
    """Say of the schemas of requests that a field they do not name is refused."""
    schemas = document["components"]["schemas"]
    for name in _closed(msgspec.Struct):
        if name in schemas:
            schemas[name]["additionalProperties"] = False
    return document


def _closed(kind: type[msgspec.Struct]) -> Iterator[str]:
    for below in kind.__subclasses__():
        if below.__struct_config__.forbid_unknown_fields:
            yield below.__name__
        yield from _closed(below)
