"""An example of each request and response, made from the examples that the schemas give."""

import hashlib
from typing import Any

from api.openapi.schemas import REF, Schema
from api.problem_types import TYPES
from api.problems import MEDIA_TYPE

DEPTH = 6
INSTANT = "2027-03-01T17:00:00Z"

# What a field is called says what is in it, where its schema has no example. Looked for in this order.
BY_NAME: dict[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJvcmciOiI…",
    "refresh_token": "0193a1b2c3d47e5f8091a2b3c4d5e6f7.…",
    "token": "0193a1b2c3d47e5f8091a2b3c4d5e6f7.…",
    "token_type": "bearer",
    "expires_in": 900,
    "email": "robin@example.com",
    "password": "a long sentence of your own",
    "time_zone": "Europe/Berlin",
    "org": "acme",
    "slug": "acme",
    "name": "Robin Rep",
    "content_type": "video/mp4",
    "filename": "IMG_0042.MP4",
    "method": "PUT",
    "etag": '"9b2cf535f27731c974343645a3985328"',
    "checksum_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "next_cursor": None,
    "problem": None,
    "kind": "positioning",
    "title": "Positioning in a minute",
    "width": 720,
    "height": 1280,
    "version": 1,
    "number": 1,
    "value": 0.72,
    "low": 0.61,
    "high": 0.83,
}
# Of two ways to say one thing an example shows one.
ALTERNATIVES = {"due_local": "due_at", "not_applicable": "level_id"}


class Examples:
    def __init__(self, document: Schema) -> None:
        self._schemas: dict[str, Schema] = document["components"]["schemas"]
        self._known = self._given()

    def add_to(self, operation: Schema) -> None:
        """Put an example beside each path parameter, body and answer of an operation."""
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                parameter["example"] = self.of(parameter["schema"], parameter["name"])
        for media in operation.get("requestBody", {}).get("content", {}).values():
            media["example"] = self.of(media["schema"], request=True)
        for status, response in operation["responses"].items():
            for media_type, media in response.get("content", {}).items():
                if media_type == MEDIA_TYPE:
                    media["example"] = _problem(int(status))
                elif media_type == "application/json" and "schema" in media:
                    media["example"] = self.of(media["schema"])

    def of(self, schema: Schema, name: str = "", *, owner: str = "", request: bool = False, depth: int = 0) -> Any:
        """Return what could be there; `owner` is the schema a field of this name belongs to."""
        if "$ref" in schema:
            return self._object(schema["$ref"].removeprefix(REF), request=request, depth=depth)
        if schema.get("examples"):
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if choices := schema.get("oneOf") or schema.get("anyOf"):
            return self._choice(choices, name, owner=owner, request=request, depth=depth)
        if schema.get("type") == "array":
            return self._array(schema, name, request=request, depth=depth)
        return self._scalar(schema, name, owner)

    def _choice(self, choices: list[Schema], name: str, *, owner: str, request: bool, depth: int) -> Any:
        if {"type": "null"} in choices and (depth >= DEPTH or BY_NAME.get(name, "") is None):
            return None
        return self.of(choices[0], name, owner=owner, request=request, depth=depth)

    def _array(self, schema: Schema, name: str, *, request: bool, depth: int) -> Any:
        if depth >= DEPTH and not schema.get("minItems"):
            return []
        one = self.of(schema.get("items", {}), name.removesuffix("s"), request=request, depth=depth + 1)
        return [one] * max(1, schema.get("minItems", 1))

    def _object(self, owner: str, *, request: bool, depth: int) -> Any:
        schema = self._schemas[owner]
        if "properties" not in schema:
            return self.of(schema, owner=owner, request=request, depth=depth + 1)
        required = set(schema.get("required", ()))
        made = {}
        for name, part in schema["properties"].items():
            if name in required or not request or self._is_worth_showing(name, part):
                made[name] = self.of(part, name, owner=owner, request=request, depth=depth + 1)
        return {name: made[name] for name in made if name in required or ALTERNATIVES.get(name) not in made}

    def _is_worth_showing(self, name: str, part: Schema) -> bool:
        """Of what a request may leave out, what somebody wrote an example for."""
        return name != "id" and ("examples" in part or "examples" in part.get("items", {}))

    def _scalar(self, schema: Schema, name: str, owner: str) -> Any:
        kind = schema.get("type")
        kinds = [kind] if isinstance(kind, str) else list(kind or [])
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("format") == "uuid":
            return _uuid("id" if name == "id" and not owner else name or "id", owner)
        if schema.get("format") == "date-time":
            return INSTANT
        known = self._lookup(name, owner)
        if known is not _NOTHING and (_json_type(known) & set(kinds) or not kinds):
            return known
        return _plain(kinds, schema, name)

    def _lookup(self, name: str, owner: str) -> Any:
        stem = owner.removesuffix("Out").removesuffix("Item").removesuffix("Ref")
        if (found := self._known.get((f"{stem}In", name), _NOTHING)) is not _NOTHING:
            return found
        return BY_NAME.get(name, self._known.get(("", name), _NOTHING))

    def _given(self) -> dict[tuple[str, str], Any]:
        """Return the examples of fields, by schema and name; without a schema, the first of that name."""
        found: dict[tuple[str, str], Any] = {}
        for owner in sorted(self._schemas):
            for name, part in self._schemas[owner].get("properties", {}).items():
                if part.get("examples"):
                    found[owner, name] = part["examples"][0]
                    found.setdefault(("", name), part["examples"][0])
        return found


_NOTHING = object()


def _json_type(value: Any) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"}
        case str():
            return {"string"}
        case _:
            return {"array", "object"}


def _plain(kinds: list[str], schema: Schema, name: str) -> Any:
    if "default" in schema:
        return schema["default"]
    if "string" in kinds:
        return "https://showme.example/…" if name.endswith("_url") or name == "url" else name.replace("_", " ")
    if "boolean" in kinds:
        return False
    if "integer" in kinds:
        return max(int(schema.get("minimum", 0)), 6_400 if name.endswith("_ms") else 1)
    if "number" in kinds:
        return 0.5
    return None if "null" in kinds else {}


def _uuid(name: str, owner: str) -> str:
    """Return an id that is the same wherever the same thing is meant."""
    thing = owner.removesuffix("Out").removesuffix("Ref").removesuffix("Item") if name == "id" else name
    thing = thing.lower().replace("_", "").removesuffix("id") or "id"
    digest = hashlib.sha256(thing.encode()).hexdigest()
    return f"0193a1b2-{digest[:4]}-7{digest[4:7]}-8{digest[7:10]}-{digest[10:22]}"


def _problem(status: int) -> dict[str, Any]:
    slug, known = next((slug, kind) for slug, kind in TYPES.items() if kind.status == status)
    body: dict[str, Any] = {
        "type": f"/problems/{slug}",
        "title": known.title,
        "status": status,
        "detail": known.example,
        "request_id": "0193a1b2c3d47e5f8091a2b3c4d5e6f7",
    }
    return body | known.facts
