"""What the decoder says of a body, in words for whoever sent it."""

import re

KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
    "uuid": "a UUID",
    "datetime": "a time",
}
FRACTION = "a decimal number"
INSTANT = "2027-03-01T17:00:00Z"
_RULES: tuple[tuple[str, str], ...] = (
    (r"Object missing required field `([^`]*)`", r"`\1` is missing."),
    (r"Object contains unknown field `([^`]*)`", r"There is no field `\1` here."),
    (r"Expected `str` of length >= 1", "This must not be empty."),
    (r"Expected `array` of length >= 1", "This needs at least one item."),
    (r"Expected `str` of length >= (\d+)", r"This needs \1 characters or more."),
    (r"Expected `str` of length <= (\d+)", r"This may have \1 characters at most."),
    (r"Expected `array` of length >= (\d+)", r"This needs \1 items or more."),
    (r"Expected `array` of length <= (\d+)", r"This may have \1 items at most."),
    (r"Expected `array` of length (\d+), got (\d+)", r"This needs \1 items, not \2."),
    (r"Expected `object` of length >= (\d+)", r"This needs \1 fields or more."),
    (r"Expected `object` of length <= (\d+)", r"This may have \1 fields at most."),
    (r"Expected `(?:int|float)` >= (\S+)", r"This must be \1 or more."),
    (r"Expected `(?:int|float)` <= (\S+)", r"This may be \1 at most."),
    (r"Expected `(?:int|float)` > (\S+)", r"This must be more than \1."),
    (r"Expected `(?:int|float)` < (\S+)", r"This must be less than \1."),
    (r"Expected `(?:int|float)` that's a multiple of (\S+)", r"This must be a multiple of \1."),
    (r"Number out of range", "This number is out of the range that can be kept."),
    (r"Expected `str` matching regex '\\\\S'", "This must not be blank."),
    (r"Expected `str` matching regex .*", "This does not have the form that is wanted here."),
    (r"Expected `datetime` with a timezone component", f"This time needs its offset, as in {INSTANT}."),
    (r"Invalid RFC3339 encoded datetime", f"This is not a time such as {INSTANT}."),
    (r"Invalid UUID", "This is not a UUID."),
    (r"Invalid enum value (.*)", r"\1 is none of the words that are allowed here."),
    (r"Input data was truncated", "The body ends before its JSON does."),
    (r"JSON is malformed: (.*)", r"The body is not JSON: \1."),
)
_KIND = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_PLACE = re.compile(r" - at `[^`]*`$")


def plain(message: str) -> str:
    """Return the sentence; what the decoder says otherwise stays as it is."""
    said = _PLACE.sub("", message)
    if kind := _KIND.fullmatch(said):
        return f"This must be {_kinds(kind[1])}, not {_met(kind[1], kind[2])}."
    for pattern, sentence in _RULES:
        if found := re.fullmatch(pattern, said):
            return found.expand(sentence)
    return message


def _kinds(named: str) -> str:
    return " or ".join(KINDS.get(kind.strip(), kind.strip()) for kind in named.split("|"))


def _met(wanted: str, kind: str) -> str:
    """Return what came instead; to who sent 1.5 for a whole number, "a number" would say nothing."""
    return FRACTION if kind == "float" and "int" in wanted else _kinds(kind)
