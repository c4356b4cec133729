import re
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pytest

from api.times import Instant
from api.wording import plain


class Body(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, msgspec.Meta(min_length=3, max_length=5, pattern=r"\S")]
    count: Annotated[int, msgspec.Meta(ge=1, le=9)] | None = None
    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=2)] | None = None
    at: Instant | None = None
    kind: Literal["a", "b"] = "a"
    flag: bool = False


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("{}", "`title` is missing."),
        ('{"title": 5}', "This must be a text, not a whole number."),
        ('{"title": "ab"}', "This needs 3 characters or more."),
        ('{"title": "abcdef"}', "This may have 5 characters at most."),
        ('{"title": "    "}', "This must not be blank."),
        ('{"title": "abc", "count": 0}', "This must be 1 or more."),
        ('{"title": "abc", "count": 10}', "This may be 9 at most."),
        ('{"title": "abc", "count": "1"}', "This must be a whole number or null, not a text."),
        ('{"title": "abc", "ids": []}', "This needs 1 items or more."),
        ('{"title": "abc", "ids": ["x"]}', "This is not a UUID."),
        ('{"title": "abc", "ids": {}}', "This must be a list or null, not an object."),
        ('{"title": "abc", "at": "soon"}', "This is not a time such as 2027-03-01T17:00:00Z."),
        ('{"title": "abc", "at": "2027-03-01T17:00:00"}', "This time needs its offset, as in 2027-03-01T17:00:00Z."),
        ('{"title": "abc", "kind": "c"}', "'c' is none of the words that are allowed here."),
        ('{"title": "abc", "flag": "yes"}', "This must be true or false, not a text."),
        ('{"title": "abc", "name": 1}', "There is no field `name` here."),
        ('{"title": ', "The body ends before its JSON does."),
    ],
)
def test_each_thing_that_can_be_wrong_is_said_in_words(sent: str, said: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(sent, type=Body)
    assert plain(str(caught.value)) == said


def test_a_body_that_is_no_json_is_said_to_be_none() -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode("nonsense", type=Body)
    assert re.match(r"The body is not JSON: ", plain(str(caught.value)))


def test_what_is_not_known_stays_as_it_was_said() -> None:
    assert plain("Something new") == "Something new"
