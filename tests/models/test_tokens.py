"""Tokens of refreshes and links: derived, for one purpose, and changed by nobody."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UnauthenticatedError
from models.tokens import PURPOSES, read_token, token_text

SECRET = b"a secret of these tests, 32 bytes long"
ORG, KEY = UUID(int=11), UUID(int=12)


def refuses(text: str, purpose: str = "refresh", secret: bytes = SECRET) -> bool:
    with pytest.raises(UnauthenticatedError) as refused:
        read_token(secret, purpose, text)
    return refused.value.slug == "token-invalid"


@given(st.sampled_from(PURPOSES), st.uuids(), st.uuids(), st.binary(min_size=1, max_size=64))
def test_what_was_written_is_read(purpose: str, org_id: UUID, key: UUID, secret: bytes) -> None:
    assert read_token(secret, purpose, token_text(secret, purpose, org_id, key)) == (org_id, key)


def test_the_same_gives_the_same_text() -> None:
    """So that a lost answer can be given again although only the id is kept."""
    assert token_text(SECRET, "refresh", ORG, KEY) == token_text(SECRET, "refresh", ORG, KEY)


def test_it_fits_a_url_as_it_is() -> None:
    text = token_text(SECRET, "refresh", UUID(int=2**128 - 1), UUID(int=2**127 - 5))
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("other", PURPOSES)
def test_it_serves_one_purpose(purpose: str, other: str) -> None:
    text = token_text(SECRET, purpose, ORG, KEY)
    assert purpose == other or refuses(text, other)


def test_another_secret_reads_nothing() -> None:
    assert refuses(token_text(SECRET, "refresh", ORG, KEY), secret=SECRET + b"x")


@given(st.integers(min_value=0, max_value=64 * 8 - 1))
def test_no_bit_of_it_may_change(bit: int) -> None:
    text = token_text(SECRET, "refresh", ORG, KEY)
    raw = bytearray(base64.urlsafe_b64decode(text + "=="))
    raw[bit // 8] ^= 1 << bit % 8
    assert refuses(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@given(st.text(max_size=200))
def test_what_is_no_token_is_refused(text: str) -> None:
    assert refuses(text)


@given(st.binary(max_size=100))
def test_bytes_of_any_length_are_refused(raw: bytes) -> None:
    assert refuses(base64.urlsafe_b64encode(raw).decode())


def test_a_token_with_something_behind_it_is_refused() -> None:
    text = token_text(SECRET, "refresh", ORG, KEY)
    for wrong in (text + "A", text + "AAAA", text[:-1], " " + text, text + "\n", text + "===="):
        assert refuses(wrong)
