import re
from typing import Annotated, Any, Literal
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
        ('{"title": "abc", "ids": []}', "This needs at least one item."),
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


M = msgspec.Meta


@pytest.mark.parametrize(
    ("kind", "sent", "said"),
    [
        (Annotated[int, M(le=100)], 101, "This may be 100 at most."),
        (Annotated[int, M(ge=5_242_880)], 1, "This must be 5242880 or more."),
        (Annotated[int, M(ge=-120)], -300, "This must be -120 or more."),
        (Annotated[int, M(le=-12)], 0, "This may be -12 at most."),
        (Annotated[int, M(gt=99)], 5, "This must be 100 or more."),
        (Annotated[int, M(lt=100)], 500, "This may be 99 at most."),
        (Annotated[int, M(multiple_of=12)], 25, "This must be a multiple of 12."),
        (Annotated[float, M(le=0.95)], 1.5, "This may be 0.95 at most."),
        (Annotated[float, M(ge=-2.25)], -3.5, "This must be -2.25 or more."),
        (Annotated[float, M(gt=10.5)], 1.0, "This must be more than 10.5."),
        (Annotated[float, M(lt=-10.5)], 1.0, "This must be less than -10.5."),
        (Annotated[float, M(gt=0, le=1000)], 0.0, "This must be more than 0.0."),
        (Annotated[str, M(min_length=12)], "a", "This needs 12 characters or more."),
        (Annotated[str, M(max_length=120)], "a" * 200, "This may have 120 characters at most."),
        (Annotated[list[int], M(min_length=12)], [], "This needs 12 items or more."),
        (Annotated[list[int], M(max_length=100)], [1] * 200, "This may have 100 items at most."),
        (Annotated[dict[str, int], M(min_length=12)], {}, "This needs 12 fields or more."),
        (
            Annotated[dict[str, int], M(max_length=10)],
            {f"{n}": n for n in range(20)},
            "This may have 10 fields at most.",
        ),
        (tuple[int, int], [1] * 10, "This needs 2 items, not 10."),
        (list[Annotated[int, M(ge=10)]], [5], "This must be 10 or more."),
        (dict[str, Annotated[float, M(le=12.5)]], {"a": 13.0}, "This may be 12.5 at most."),
        (int, 1.5, "This must be a whole number, not a decimal number."),
        (int | None, 1.5, "This must be a whole number or null, not a decimal number."),
        (str, 1.5, "This must be a text, not a number."),
    ],
)
def test_a_bound_is_said_whole(kind: Any, sent: Any, said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(sent, type=kind, strict=True)
    assert plain(str(caught.value)) == said


def test_a_number_that_no_type_holds_is_said_to_be_one() -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode("1e400", type=float)
    assert plain(str(caught.value)) == "This number is out of the range that can be kept."
