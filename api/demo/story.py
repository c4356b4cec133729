"""The whole story, over HTTP only: challenge, take, critique, progress, bright spot. Each step checks its result."""

import asyncio
import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from api.demo.org import Speaker, positioning_challenge, positioning_rubric, token
from api.demo.telling import StoryError, Telling, holds, refused, until
from media.binaries import Binaries
from media.probe import Limits, probe
from models.ids import new_id

FRAME_MS = 34


@dataclass
class Cast:
    """Who takes part, signed in, and the team they are in."""

    admin: Speaker
    manager: Speaker
    rep: Speaker
    colleague: Speaker
    rep_id: str
    team_id: str


@dataclass
class Stage:
    """Where it plays: the server, an admin of an organization there, and a video to send."""

    client: httpx.AsyncClient
    org: str
    email: str
    password: str
    video: Path
    video_ms: int
    binaries: Binaries


class Story:
    def __init__(self, stage: Stage, telling: Telling) -> None:
        self.stage = stage
        self.telling = telling
        self.tag = new_id().hex[-6:]  # so that it can be told again in the same organization

    async def tell(self) -> dict[str, Any]:
        """Tell it from start to end; return the ids of what was made.

        Raises:
            StoryError: something did not hold.
        """
        cast = await self._people()
        challenge, skill_id = await self._challenge(cast)
        take = await self._take(cast, challenge)
        critique = await self._critique(cast, take, challenge, skill_id)
        await self._progress(cast, skill_id, critique)
        bright_spot = await self._bright_spot(cast, take, challenge, skill_id)
        return {"challenge": challenge, "take": take, "critique": critique, "bright_spot": bright_spot, "cast": cast}

    async def _people(self) -> Cast:
        stage = self.stage
        with self.telling.step("People and a team") as remarks:
            admin = Speaker(stage.client, await token(stage.client, stage.org, stage.email, stage.password))
            team = await admin.post("/v1/teams", {"name": f"North {self.tag}"})
            made: dict[str, tuple[Speaker, str]] = {}
            for name, role in (("Maria Manager", "manager"), ("Robin Rep", "rep"), ("Cleo Colleague", "rep")):
                made[name] = await self._person(admin, name, team["id"], role)
            remarks.append("3 people in one team")
        (manager, _), (rep, rep_id), (colleague, _) = made.values()
        return Cast(admin, manager, rep, colleague, rep_id, team["id"])

    async def _person(self, admin: Speaker, name: str, team_id: str, role: str) -> tuple[Speaker, str]:
        email = f"{name.partition(' ')[0].lower()}-{self.tag}@demo.example"
        person_id = await admin.person(name, email, self.stage.password)
        await admin.put(f"/v1/teams/{team_id}/members/{person_id}", {"role": role})
        access = await token(self.stage.client, self.stage.org, email, self.stage.password)
        return Speaker(self.stage.client, access), person_id

    async def _challenge(self, cast: Cast) -> tuple[Any, str]:
        with self.telling.step("A manager posts a challenge") as remarks:
            skill = await cast.admin.post("/v1/skills", {"name": f"Positioning {self.tag}"})
            rubric = await cast.manager.post("/v1/rubrics", positioning_rubric(skill["id"]))
            body = positioning_challenge(rubric["id"], cast.team_id)
            draft = await cast.manager.post("/v1/challenges", body)
            challenge = await cast.manager.post(f"/v1/challenges/{draft['id']}/publish")
            again = await cast.manager.post(f"/v1/challenges/{draft['id']}/publish")
            holds(challenge["state"] == again["state"] == "published", "the challenge should be published")
            remarks.append(f"rubric of {len(rubric['criteria'])} criteria")
        return challenge, str(skill["id"])

    async def _take(self, cast: Cast, challenge: Any) -> Any:
        with self.telling.step("The rep opens a take") as remarks:
            inbox = (await cast.rep.get("/v1/me/assignments"))["items"]
            mine = [item for item in inbox if item["challenge"]["id"] == challenge["id"]]
            holds(len(mine) == 1, "the challenge should be in the rep's inbox")
            take = await cast.rep.post(f"/v1/assignments/{mine[0]['id']}/takes", {"id": str(new_id())})
            remarks.append(f"take {take['number']}")
        return await self._record(cast, challenge, take, mine[0]["id"])

    async def _record(self, cast: Cast, challenge: Any, take: Any, assignment_id: str) -> Any:
        """Upload in parts, submitting before the bytes are there, as a phone does."""
        prompt_id = challenge["prompts"][0]["id"]
        content = await asyncio.to_thread(self.stage.video.read_bytes)
        with self.telling.step("It submits while the video is on its way") as remarks:
            upload = await cast.rep.post("/v1/uploads", self._upload_body(content, assignment_id, prompt_id))
            path = f"/v1/takes/{take['id']}"
            await cast.rep.put(f"{path}/responses/{prompt_id}", {"asset_id": upload["asset_id"]})
            submitted = await cast.rep.post(f"{path}/submit", {"note": "Second try, without notes", "confidence": 0.7})
            holds(submitted["state"] == "submitting", "a take whose bytes are on their way should be submitting")
            remarks.append(f"{upload['part_count']} parts to come")
        await self._send(cast, upload, content)
        return await self._playable(cast, upload["asset_id"], take["id"])

    def _upload_body(self, content: bytes, assignment_id: str, prompt_id: str) -> dict[str, Any]:
        return {
            "id": str(new_id()),
            "filename": "IMG_0042.MP4",
            "content_type": "video/mp4",
            "size_bytes": len(content),
            "assignment_id": assignment_id,
            "prompt_id": prompt_id,
            "duration_ms": self.stage.video_ms,
        }

    async def _send(self, cast: Cast, upload: Any, content: bytes) -> None:
        size = upload["part_size_bytes"]
        pieces = {number: content[(number - 1) * size : number * size] for number in range(1, upload["part_count"] + 1)}
        path = f"/v1/uploads/{upload['id']}"
        with self.telling.step("The parts go up, out of order, one of them twice") as remarks:
            wanted = [{"part_number": n, "checksum_sha256": _sha256(piece)} for n, piece in pieces.items()]
            urls = (await cast.rep.post(f"{path}/part-urls", {"parts": wanted}))["items"]
            await asyncio.gather(*(self._put(item, pieces) for item in reversed(urls)))
            await self._put(urls[0], pieces)
            seen = (await cast.rep.get(path))["parts"]
            holds({part["part_number"] for part in seen} == set(pieces), "the server should list every part")
            body = {"sha256": _sha256(content)}
            asset = await cast.rep.post(f"{path}/complete", body)
            again = await cast.rep.post(f"{path}/complete", body)
            holds(asset["id"] == again["id"], "completing again should answer the same asset")
            remarks.append(f"{len(content) / 1e6:.1f} MB")

    async def _put(self, item: Any, pieces: dict[int, bytes]) -> None:
        async with httpx.AsyncClient(timeout=120) as phone:
            piece = pieces[item["part_number"]]
            answer = await phone.request(item["method"], item["url"], content=piece, headers=item["headers"])
        holds(answer.status_code == 200, f"part {item['part_number']} was answered {answer.status_code}: {answer.text}")

    async def _playable(self, cast: Cast, asset_id: str, take_id: str) -> Any:
        async def ask() -> Any:
            return await cast.rep.get(f"/v1/assets/{asset_id}")

        with self.telling.step("It plays") as remarks:
            asset = await until(ask, lambda a: a["state"] in ("playable", "ready", "failed"), "playing")
            holds(asset["state"] != "failed", f"the video failed: {asset['problem']}")
            await self._plays_as(asset["playback"]["mp4_url"], self.stage.video_ms, remarks)
        with self.telling.step("All renditions are there") as remarks:
            asset = await until(ask, lambda a: a["state"] == "ready" or a["problem"], "the ladder", seconds=300)
            holds(asset["state"] == "ready", f"the ladder failed: {asset['problem']}")
            holds(asset["height"] > asset["width"], "a portrait video should stay upright")
            remarks.append(await self._hls(asset["playback"]["hls_url"]))
        self.telling.links["the take"] = asset["playback"]["mp4_url"]
        take = await cast.rep.get(f"/v1/takes/{take_id}")
        holds(take["state"] == "submitted", f"the take should be submitted, but is {take['state']}")
        return take

    async def _plays_as(self, url: str, duration_ms: int, remarks: list[str], tolerance_ms: int = 500) -> None:
        """Fetch what a player would, by a range first, and probe it."""
        async with httpx.AsyncClient(timeout=120) as player:
            start = await player.get(url, headers={"range": "bytes=0-1023"})
            holds(start.status_code == 206 and len(start.content) == 1024, "a player's range should be answered")
            content = (await player.get(url)).content
        holds(content.find(b"moov") < content.find(b"mdat"), "the index should stand in front of the pictures")
        with TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            path.write_bytes(content)
            found = await probe(path, binaries=self.stage.binaries, limits=Limits())
        off = abs(found.duration_ms - duration_ms)
        holds(off <= tolerance_ms, f"it should last {duration_ms} ms, but lasts {found.duration_ms} ms")
        remarks.append(f"{found.width}x{found.height}, {found.duration_ms / 1000:.2f} s")

    async def _hls(self, url: str) -> str:
        """Read the playlists as a native player would: no Authorization header, and the first bytes they point at."""
        async with httpx.AsyncClient(timeout=60) as player:
            master = (await player.get(url)).text
            variants = [line for line in master.splitlines() if line and not line.startswith("#")]
            holds(master.startswith("#EXTM3U") and variants, "the master playlist should name its variants")
            media = (await player.get(httpx.URL(url).join(variants[0]))).text
            objects = [line for line in media.splitlines() if line and not line.startswith("#")]
            head = await player.get(httpx.URL(url).join(objects[0]), headers={"range": "bytes=0-99"})
            holds(head.status_code == 206 and b"ftyp" in head.content, "the playlist should point at a video")
        return f"{len(variants)} renditions"

    async def _critique(self, cast: Cast, take: Any, challenge: Any, skill_id: str) -> Any:
        with self.telling.step("The manager critiques it against the rubric") as remarks:
            queue = (await cast.manager.get("/v1/me/reviews"))["items"]
            holds(take["id"] in [item["take_id"] for item in queue], "the take should wait in the review queue")
            draft = await cast.manager.post(f"/v1/takes/{take['id']}/critiques", {"id": str(new_id())})
            path = f"/v1/critiques/{draft['id']}"
            written = await cast.manager.call("PATCH", path, _judgement(draft, skill_id), {"if-match": _etag(draft)})
            stale = await refused(cast.manager, 412, "PATCH", path, {"summary": "Other words"}, if_match=_etag(draft))
            holds(stale["current"]["summary"] == written["summary"], "a stale write should answer what is there")
            await cast.manager.post(f"/v1/takes/{take['id']}/moments", _moment(challenge, draft["id"]))
            await refused(cast.rep, 404, "GET", path)
            published = await cast.manager.post(f"{path}/publish")
            remarks.append(f"value {published['value']:.2f}, one next step")
        with self.telling.step("The rep reads it and answers"):
            read = await cast.rep.get(path)
            moments = (await cast.rep.get(f"/v1/takes/{take['id']}/moments"))["items"]
            holds(read["state"] == "published" and len(moments) == 1, "the rep should see critique and moment")
            answered = await cast.rep.post(f"{path}/acknowledge", {"reply": "I will open with their problem."})
            holds(answered["acknowledged_at"], "the critique should be acknowledged")
        return published

    async def _progress(self, cast: Cast, skill_id: str, critique: Any) -> None:
        with self.telling.step("Progress shows it") as remarks:
            progress = await cast.rep.get(f"/v1/people/{cast.rep_id}/progress")
            mine = [row for row in progress["skills"] if row["skill"]["id"] == skill_id]
            holds(len(mine) == 1 and mine[0]["observations"] == 1, "one critique should be one observation")
            standing, trend = mine[0]["standing"], mine[0]["trend"]
            holds(abs(standing["value"] - critique["value"]) < 1e-9, "the standing should be the critique's value")
            holds(trend["state"] == "too_early", "one observation is too early for a trend")
            holds(len(progress["next_steps"]) == 1, "the next step should be open")
            remarks.append(f"{standing['low']:.2f} to {standing['high']:.2f} around {standing['value']:.2f}")

    async def _bright_spot(self, cast: Cast, take: Any, challenge: Any, skill_id: str) -> Any:
        start_ms, end_ms = 2_500, 8_900
        with self.telling.step("The best seconds become a bright spot") as remarks:
            made = await cast.manager.post(
                "/v1/bright-spots", self._spot(take, challenge, skill_id, (start_ms, end_ms))
            )
            path = f"/v1/bright-spots/{made['id']}"
            await refused(cast.manager, 409, "POST", f"{path}/publish")
            await refused(cast.colleague, 404, "GET", path)
            await cast.rep.post(f"{path}/consent", {"granted": True})
            spot = await self._published(cast, path)
            await self._plays_as(spot["clip"]["playback"]["mp4_url"], end_ms - start_ms, remarks, FRAME_MS)
        with self.telling.step("The team finds and watches it") as remarks:
            found = (await cast.colleague.get(f"/v1/bright-spots?q=problem {self.tag}&skill_id={skill_id}"))["items"]
            holds([item["id"] for item in found] == [made["id"]], "the colleague should find it by its words")
            watched = await cast.colleague.get(path)
            await self._plays_as(watched["clip"]["playback"]["mp4_url"], end_ms - start_ms, remarks, FRAME_MS)
        self.telling.links["the bright spot"] = watched["clip"]["playback"]["mp4_url"]
        return watched

    async def _published(self, cast: Cast, path: str) -> Any:
        async def ask() -> Any:
            return await cast.manager.get(path)

        await until(ask, lambda spot: spot["clip"]["state"] in ("ready", "failed"), "cutting the clip")
        return await cast.manager.post(f"{path}/publish")

    def _spot(self, take: Any, challenge: Any, skill_id: str, span: tuple[int, int]) -> dict[str, Any]:
        segment = {
            "take_id": take["id"],
            "prompt_id": challenge["prompts"][0]["id"],
            "start_ms": span[0],
            "end_ms": span[1],
        }
        return {
            "id": str(new_id()),
            "segments": [segment],
            "title": f"Opens with the buyer's problem {self.tag}",
            "why_it_works": "It names two lost days a month before it names us.",
            "tags": ["opening"],
            "skill_ids": [skill_id],
            "audience": {"team_ids": [challenge["audience"]["team_ids"][0]]},
        }


def _sha256(content: bytes) -> str:
    return b64encode(hashlib.sha256(content).digest()).decode()


def _etag(critique: Any) -> str:
    return f'"{critique["version"]}"'


def _judgement(draft: Any, skill_id: str) -> dict[str, Any]:
    """Score the middle level everywhere, and the top one on the first criterion."""
    criteria = draft["rubric"]["criteria"]
    if not criteria:
        raise StoryError("the draft should come with the rubric to score against")
    scores = [
        {"criterion_id": criterion["id"], "level_id": criterion["levels"][-1 if index == 0 else 1]["id"]}
        for index, criterion in enumerate(criteria)
    ]
    return {
        "scores": scores,
        "summary": "A strong opening; the outcome stays vague.",
        "strengths": "You begin with their problem, in their words.",
        "next_steps": [{"skill_id": skill_id, "text": "Put one figure into the outcome, from the Miller case."}],
        "decision": "pass",
    }


def _moment(challenge: Any, critique_id: str) -> dict[str, Any]:
    return {
        "critique_id": critique_id,
        "prompt_id": challenge["prompts"][0]["id"],
        "start_ms": 2_500,
        "end_ms": 8_900,
        "body": "Here you have them: their two days, not our product.",
        "tone": "strength",
    }
