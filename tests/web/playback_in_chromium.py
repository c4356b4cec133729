"""hls.js, as npm has it, over our playlists and both stores: it plays, seeks, changes rungs and outlives its URLs."""

from pathlib import Path

from playwright.async_api import Browser

from media import keys
from tests.clips import BEEPS, beeps_ms, ffmpeg
from tests.web.chromium import Tab, a_tab
from tests.web.fixtures import watch
from tests.web.house import URL_LIFE_S, House

FRAME_S = 1 / 30
LATE_S = 9.5  # behind what is loaded when the first seconds have played
FRAGMENT = "player.hls.levels[player.hls.firstLevel].details.fragments[0].url"
STATUS = f"(await fetch({FRAGMENT}, {{ headers: {{ range: 'bytes=0-0' }}, cache: 'no-store' }})).status"


async def test_it_plays_picture_and_sound(watching: Tab) -> None:
    await watching.ask("player.video.play()")
    await watching.until("player.video.currentTime > 1")
    await watching.shoot("plays")
    assert await watching.ask("player.video.getVideoPlaybackQuality().totalVideoFrames > 15")
    assert await watching.ask("player.video.webkitAudioDecodedByteCount > 0")
    assert await watching.ask("player.errors") == []
    assert watching.complaints == []


async def test_it_seeks_to_the_frame(watching: Tab) -> None:
    for target in (LATE_S, 4.0, 11.2):
        frame = await watching.ask(f"await player.seek({target})")
        assert abs(frame["mediaTime"] - target) < 1.5 * FRAME_S
    assert await watching.ask("player.errors") == []


async def test_the_rung_changes_while_it_plays(watching: Tab) -> None:
    """Up and down again: each rung is as wide as the playlist says, and it never goes back in time."""
    widths = await watching.ask("player.hls.levels.map((level) => level.width)")
    assert len(widths) >= 2
    assert widths == sorted(set(widths))
    await watching.ask("player.video.play()")
    for rung in (len(widths) - 1, 0):
        before = await watching.ask("player.video.currentTime")
        await watching.ask(f"player.hls.nextLevel = {rung}")
        await watching.until(f"player.video.videoWidth === {widths[rung]}")
        await watching.shoot(f"rung-{rung}")
        assert await watching.ask("player.video.currentTime") >= before
    assert await watching.ask("player.video.paused") is False
    assert await watching.ask("player.errors") == []


async def test_sound_and_picture_stay_together(browser: Browser, house: House, shots: Path, tmp_path: Path) -> None:
    """The browser says where it has put the first picture and the first sound; a beep tells what is in the sound."""
    asset = await house.upload(beeping(tmp_path))
    await house.ready(asset)
    sound = tmp_path / "sound.m4s"
    sound.write_bytes(await house.stored(asset, keys.audio))
    async with a_tab(browser, house, shots) as tab:
        await watch(tab, asset)
        await tab.until("player.begins.audio !== undefined && player.begins.video !== undefined")
        ahead_ms = 1000 * await tab.ask("player.begins.video - player.begins.audio")
    assert [abs(heard - ahead_ms - 1000 * second) <= 40 for second, heard in enumerate(beeps_ms(sound))] == [True] * 4


def beeping(folder: Path) -> bytes:
    """A video with frames that are shown in another order than they are stored, and a beep each second."""
    path = folder / "beeps.mp4"
    picture, sound = ["-f", "lavfi", "-i", "testsrc2=s=640x480:r=25:d=4"], ["-f", "lavfi", "-i", BEEPS]
    ffmpeg(*picture, *sound, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path))
    return path.read_bytes()


async def test_urls_that_expired_are_asked_for_again_and_it_goes_on_where_it_was(paused: tuple[Tab, Tab]) -> None:
    """One page is sought in while it stands, the other just plays on."""
    for tab in paused:
        await tab.until(f"{STATUS} === 403", 2 * URL_LIFE_S, look_s=0.5)
    sought, played = paused
    frame = await sought.ask(f"await player.seek({LATE_S})")
    assert abs(frame["mediaTime"] - LATE_S) < 1.5 * FRAME_S
    assert await sought.ask("player.renewals") == [LATE_S]
    assert await sought.ask("player.video.paused")
    await played.ask("player.video.play()")
    await played.until("player.renewals.length === 1 && player.video.currentTime > player.renewals[0] + 1")
    assert await played.ask("player.renewals[0] > 1 && !player.video.paused")
    for tab in paused:
        assert await tab.ask(STATUS) == 206
        assert await tab.ask("player.errors") == []
        await tab.shoot("renewed")
    await sought.ask("player.video.play()")
    await sought.until("player.video.ended")
