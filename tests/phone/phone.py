"""A phone, as a state machine: what it has saved says which call comes next, so it may die after each of them.

It keeps to the recipe of `openapi/README.md`. The recording itself is a file that outlives the application.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tests.phone.saved import Saved
from tests.phone.wire import Clock, Ids, Wire

Step = Callable[[], Awaitable[None]]
Wait = Callable[[], Awaitable[None]]
EARLY_S = 60.0  # a token is renewed so long before it ends
BUSY = (408, 425, 429)
GONE = ("failed", "deleted")


class UnexpectedError(AssertionError):
    """An answer that the recipe has no word for."""

    def __init__(self, call: str, answer: httpx.Response) -> None:
        super().__init__(f"{call} was answered {answer.status_code}: {answer.text[:500]}")


class Later(Exception):  # noqa: N818 - says what to do
    """The server is busy or away: the same call again, after a while."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


@dataclass(frozen=True)
class Account:
    org: str
    email: str
    password: str


def sha256_of(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Phone:
    """`wait` is awaited between two looks at what is being processed, and before a call is tried again."""

    def __init__(
        self,
        saved: Path,
        video: Path,
        account: Account,
        wire: Wire,
        *,
        clock: Clock,
        wait: Callable[[], Awaitable[None]],
    ) -> None:
        self._path = saved
        self.saved = Saved.read(saved)
        self._video = video
        self._account = account
        self._wire = wire
        self._clock = clock
        self._new_id = Ids(clock)
        self._wait = wait
        self._seen = False  # whether this process has asked which parts are there

    async def run(self) -> Saved:
        """Go on until the video plays, or the person's other device was first."""
        while not self.saved.result:
            try:
                await self._next()()
            except (Later, httpx.TransportError):
                await self._wait()
            self.saved.write(self._path)
        return self.saved

    def _next(self) -> Step:
        """Say which call comes next, from what is saved alone."""
        saved = self.saved
        order: tuple[tuple[object, Step], ...] = (
            (saved.refresh, self._sign_in),
            (saved.assignment_id, self._look_into_inbox),
            (saved.prompt_id, self._read_challenge),
            (saved.take_begun, self._begin_take),
            (saved.searched, self._search_open_upload),
            (not saved.conceding, self._concede),
            (saved.announced, self._announce),
            (saved.answered, self._answer),
            (saved.submitted, self._submit),
            (saved.uploaded, self._upload),
        )
        return next((step for done, step in order if not done), self._watch)

    # Signing in

    async def _sign_in(self) -> None:
        account = self._account
        body = {"org": account.org, "email": account.email, "password": account.password}
        await self._take_tokens(await self._send("POST", "/v1/auth/sign-in", json=body))

    async def _refresh(self) -> None:
        answer = await self._send("POST", "/v1/auth/refresh", json={"refresh_token": self.saved.refresh})
        if answer.status_code == 401:
            self.saved.refresh = self.saved.access = ""
            self.saved.write(self._path)
            raise Later("the session has ended")
        await self._take_tokens(answer)

    async def _take_tokens(self, answer: httpx.Response) -> None:
        body = _ok("tokens", answer)
        self.saved.access, self.saved.refresh = body["access_token"], body["refresh_token"]
        self.saved.access_until = self._clock() + body["expires_in"]
        self.saved.write(self._path)

    # What is to be done

    async def _look_into_inbox(self) -> None:
        """Find the assignment; where nothing is to be done any more, the one whose video may still be here."""
        items = _ok("inbox", await self._call("GET", "/v1/me/assignments"))["items"]
        for state in ("submitted", "done"):
            items = items or _ok("inbox", await self._call("GET", f"/v1/me/assignments?state={state}"))["items"]
        if not items:
            raise Later("nothing is assigned yet")
        found = items[0]
        self.saved.assignment_id, self.saved.challenge_id = found["id"], found["challenge"]["id"]
        self.saved.assignment_version = found["version"]
        self.saved.take_id = found["current_take_id"] or ""

    async def _read_challenge(self) -> None:
        answer = await self._call("GET", f"/v1/challenges/{self.saved.challenge_id}")
        self.saved.prompt_id = _ok("challenge", answer)["prompts"][0]["id"]

    async def _begin_take(self) -> None:
        """Begin a take, or go on with the one that was handed in before the application was installed again."""
        saved = self.saved
        if saved.take_id and await self._found_again():
            return
        saved.take_id = saved.take_id or self._new_id()
        saved.write(self._path)
        url, seen = f"/v1/assignments/{saved.assignment_id}/takes", {"if-match": f'"{saved.assignment_version}"'}
        answer = await self._call("POST", url, json={"id": saved.take_id}, headers=seen)
        if answer.status_code == 412:  # another device has been here: look again
            saved.assignment_id = saved.take_id = ""
            return
        self._know_take(_ok("take", answer))

    async def _found_again(self) -> bool:
        answer = await self._call("GET", f"/v1/takes/{self.saved.take_id}")
        if answer.status_code == 404:  # our own id, of a call that never arrived
            return False
        self._know_take(_ok("take", answer))
        return True

    def _know_take(self, take: dict[str, Any]) -> None:
        saved = self.saved
        saved.take_id, saved.take_begun = take["id"], True
        saved.submitted = take["state"] not in ("draft", "needs_replacement")
        mine = self._response(take)
        saved.answer_id = mine["asset"]["id"] if mine["asset"] else ""
        if saved.submitted and not saved.asset_id:
            saved.asset_id, saved.answered, saved.announced = saved.answer_id, True, True
            saved.uploaded = mine["asset"]["state"] != "uploading"
            saved.searched = saved.uploaded

    def _response(self, take: dict[str, Any]) -> Any:
        return next(one for one in take["responses"] if one["prompt_id"] == self.saved.prompt_id)

    # The upload

    @cached_property
    def _content(self) -> bytes:
        return self._video.read_bytes()

    @cached_property
    def _filename(self) -> str:
        """A name by which the recording is known again, should all else be forgotten."""
        return f"IMG_{hashlib.sha256(self._content).hexdigest()[:12]}.MP4"

    async def _search_open_upload(self) -> None:
        saved = self.saved
        found = _ok("uploads", await self._call("GET", "/v1/uploads?state=open&limit=100"))["items"]
        wanted = (saved.assignment_id, saved.prompt_id, self._filename, len(self._content))
        for upload in found:
            if (upload["assignment_id"], upload["prompt_id"], upload["filename"], upload["size_bytes"]) == wanted:
                saved.adopt(upload)
        saved.searched = True
        saved.answered = saved.answered or (bool(saved.answer_id) and saved.answer_id == saved.asset_id)
        if saved.submitted and not saved.upload_id:
            saved.result = "conceded"  # its bytes are on their way from another device

    async def _announce(self) -> None:
        saved = self.saved
        saved.upload_id = saved.upload_id or self._new_id()
        saved.write(self._path)
        body = {
            "id": saved.upload_id,
            "filename": self._filename,
            "content_type": "video/mp4",
            "size_bytes": len(self._content),
            "assignment_id": saved.assignment_id,
            "prompt_id": saved.prompt_id,
        }
        saved.adopt(_ok("upload", await self._call("POST", "/v1/uploads", json=body)))

    async def _answer(self) -> None:
        saved = self.saved
        url = f"/v1/takes/{saved.take_id}/responses/{saved.prompt_id}"
        answer = await self._call("PUT", url, json={"asset_id": saved.asset_id})
        if answer.status_code == 409 and _code(answer) == "asset-failed":
            saved.forget_upload()
        elif answer.status_code == 409:
            saved.conceding = True
        else:
            _ok("response", answer)
            saved.answered = True

    async def _submit(self) -> None:
        saved = self.saved
        answer = await self._call("POST", f"/v1/takes/{saved.take_id}/submit", json={"confidence": 0.7})
        if answer.status_code == 409 and _code(answer) == "responses-missing":
            saved.answered = False
            return
        if answer.status_code == 409 and _code(answer) == "responses-failed":
            saved.forget_upload()
            return
        take = _ok("submit", answer)
        asset = self._response(take)["asset"]
        saved.submitted, saved.conceding = True, asset["id"] != saved.asset_id

    async def _concede(self) -> None:
        """Give our upload up: the take was handed in with what the other device recorded."""
        if self.saved.upload_id:
            answer = await self._call("DELETE", f"/v1/uploads/{self.saved.upload_id}")
            if answer.status_code not in (204, 409):
                raise UnexpectedError("giving an upload up", answer)
        self.saved.result = "conceded"

    async def _upload(self) -> None:
        """Make one call of the upload: look what is there, ask for URLs, send a part, or say that all is sent."""
        saved = self.saved
        if not self._seen:
            await self._look_at_parts()
            return
        missing = [number for number in range(1, self._part_count + 1) if number not in saved.sent]
        unsigned = [number for number in missing if str(number) not in saved.urls]
        if unsigned:
            await self._ask_for_urls(unsigned)
        elif missing:
            await self._send_part(missing[0])
        else:
            await self._complete()

    @property
    def _part_count(self) -> int:
        return -(-len(self._content) // self.saved.part_size)

    async def _look_at_parts(self) -> None:
        upload = _ok("parts", await self._call("GET", f"/v1/uploads/{self.saved.upload_id}"))
        self._seen = True
        self.saved.sent = [part["part_number"] for part in upload["parts"] if self._is_mine(part)]
        if upload["state"] == "completed":
            self.saved.uploaded = True
        elif upload["state"] != "open":
            self.saved.forget_upload()

    def _is_mine(self, part: dict[str, Any]) -> bool:
        return bool(part["size_bytes"] == len(self._piece(part["part_number"])))

    def _piece(self, number: int) -> bytes:
        size = self.saved.part_size
        return self._content[(number - 1) * size : number * size]

    async def _ask_for_urls(self, numbers: list[int]) -> None:
        parts = [{"part_number": number, "checksum_sha256": sha256_of(self._piece(number))} for number in numbers]
        answer = await self._call("POST", f"/v1/uploads/{self.saved.upload_id}/part-urls", json={"parts": parts})
        if answer.status_code == 409:
            self._seen = False
            return
        self.saved.urls |= {str(item["part_number"]): item for item in _ok("URLs", answer)["items"]}

    async def _send_part(self, number: int) -> None:
        item = self.saved.urls[str(number)]
        answer = await self._send(item["method"], item["url"], headers=item["headers"], content=self._piece(number))
        if answer.status_code == 200:
            self.saved.sent.append(number)
        elif answer.status_code in (403, 404):
            self.saved.urls, self._seen = {}, False
        else:
            raise Later(f"part {number} was answered {answer.status_code}")

    async def _complete(self) -> None:
        body = {"sha256": sha256_of(self._content)}
        answer = await self._call("POST", f"/v1/uploads/{self.saved.upload_id}/complete", json=body)
        if answer.status_code == 409:
            missing = [int(number) for number in answer.json().get("missing", [])]
            self.saved.sent = [number for number in self.saved.sent if number not in missing]
            self._seen = bool(missing)
            return
        _ok("complete", answer)
        self.saved.uploaded = True

    # The result

    async def _watch(self) -> None:
        asset = _ok("asset", await self._call("GET", f"/v1/assets/{self.saved.asset_id}"))
        if asset["state"] in ("playable", "ready"):
            self.saved.result = asset["state"]
        elif asset["state"] in GONE:
            await self._mend(asset)
        else:
            await self._wait()

    async def _mend(self, asset: dict[str, Any]) -> None:
        """Have it processed again where that helps, else send it again; either way the take is handed in again."""
        if asset["state"] == "failed" and asset["problem"]["retryable"]:
            _ok("retry", await self._call("POST", f"/v1/assets/{asset['id']}/retry"))
            self.saved.submitted = False
        else:
            self.saved.forget_upload()

    # Calls

    async def _call(
        self, method: str, path: str, *, json: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Make a call as the person. A token that has ended, by the phone's clock or the server's, is renewed."""
        if self._clock() > self.saved.access_until - EARLY_S:
            await self._refresh()
        answer = await self._send(method, path, json=json, headers=self._bearer() | (headers or {}))
        if answer.status_code == 401:
            await self._refresh()
            answer = await self._send(method, path, json=json, headers=self._bearer() | (headers or {}))
        return answer

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.saved.access}"}

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        answer = await self._wire.send(method, url, **options)
        if answer.status_code >= 500 or answer.status_code in BUSY:
            raise Later(f"{method} was answered {answer.status_code}")
        return answer


def _ok(what: str, answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise UnexpectedError(what, answer)
    return answer.json()


def _code(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")
