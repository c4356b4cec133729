from uuid import UUID

import pytest

from media import keys

ORG, ASSET = UUID(int=1), UUID(int=2)
EVERY = [
    keys.source(ORG, ASSET),
    keys.playable(ORG, ASSET),
    keys.poster(ORG, ASSET),
    keys.video(ORG, ASSET, "720"),
    keys.audio(ORG, ASSET),
    keys.progressive(ORG, ASSET),
    keys.storyboard(ORG, ASSET),
    keys.storyboard_cues(ORG, ASSET),
    keys.waveform(ORG, ASSET),
    keys.piece(ORG, ASSET, "360"),
    keys.piece(ORG, ASSET, "360", 0),
    keys.piece(ORG, ASSET, "audio", 0),
]


def test_every_key_is_one_of_its_own_under_its_asset() -> None:
    prefix = keys.asset_prefix(ORG, ASSET)
    assert prefix.startswith(keys.org_prefix(ORG))
    assert len(set(EVERY)) == len(EVERY)
    assert all(key.startswith(prefix) and keys.checked(key) for key in EVERY)


def test_what_players_open_ends_as_they_expect() -> None:
    played = [keys.playable(ORG, ASSET), keys.video(ORG, ASSET, "1080"), keys.audio(ORG, ASSET)]
    assert [key.rpartition(".")[2] for key in played] == ["mp4", "m4s", "m4s"]


@pytest.mark.parametrize("name", ["", "../720", "7/20", "720.m4s", "7 20"])
def test_a_rendition_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="rendition"):
        keys.video(ORG, ASSET, name)
    with pytest.raises(ValueError, match="rendition"):
        keys.piece(ORG, ASSET, name)


def test_pieces_are_in_a_folder_of_their_own_in_the_order_they_are_played() -> None:
    pieces = [keys.piece(ORG, ASSET, "360", number) for number in (2, 10, 3600)]
    assert pieces == sorted(pieces)
    assert all(key.startswith(keys.pieces_prefix(ORG, ASSET)) for key in pieces)


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/..", "a/./b", ".hidden", "a~b", "a\\b", "a" * 513])
def test_what_could_leave_the_store_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        keys.checked(key)
