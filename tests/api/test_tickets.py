"""The tokens in the URLs of media."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from api.assets.tickets import Ticket, Tickets
from models.errors import ForbiddenError
from models.ids import new_id
from tests.client import Client
from tests.conftest import SECRET
from tests.factories.people import OrgKit

IDS = st.uuids()


TICKETS = st.builds(Ticket, IDS, IDS, st.integers(1, 2**40))


@given(TICKETS)
def test_a_token_says_what_was_written_until_its_time_is_over(ticket: Ticket) -> None:
    before = Tickets(SECRET, "http://a", clock=lambda: ticket.expires_at - 1)
    after = Tickets(SECRET, "http://a", clock=lambda: ticket.expires_at)
    token = before.token(ticket)
    assert before.read(token) == ticket
    assert before.left_s(ticket) == 1
    with pytest.raises(ForbiddenError, match="expired") as expired:
        after.read(token)
    assert expired.value.slug == "url-expired"


@given(TICKETS, st.integers(0, 71), st.integers(1, 255))
def test_no_byte_of_a_token_can_be_changed(ticket: Ticket, place: int, change: int) -> None:
    tickets = Tickets(SECRET, "http://a", clock=lambda: 0)
    flipped = _flipped(tickets.token(ticket), place, change)
    with pytest.raises(ForbiddenError) as refused:
        tickets.read(flipped)
    assert refused.value.slug == "url-refused"


def _flipped(token: str, place: int, change: int) -> str:
    data = bytearray(base64.urlsafe_b64decode(token))
    data[place] ^= change
    return base64.urlsafe_b64encode(bytes(data)).decode()


@given(st.text(max_size=200))
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ForbiddenError) as refused:
        Tickets(SECRET, "http://a").read(text)
    assert refused.value.slug == "url-refused"


async def test_the_log_names_the_path_without_its_token(org: OrgKit, anonymous: Client) -> None:
    url = Tickets(SECRET, "http://testserver").url(Ticket(org.id, new_id(), int(time.time()) + 60), "master.m3u8")
    with capture_logs() as lines:
        await anonymous.get(url)
    assert [line["path"] for line in lines if line["event"] == "request"] == ["/v1/media/…/master.m3u8"]
