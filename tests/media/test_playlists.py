import msgspec
import pytest

from media.ladder import Tiles
from media.playlists import (
    Picture,
    RenditionIndex,
    Segment,
    Subtitles,
    growing_playlist,
    master_playlist,
    media_playlist,
    rendition_index,
    storyboard_vtt,
    subtitles_playlist,
)
from media.problems import MediaProblem

WRITTEN = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="720p.m4s",BYTERANGE="829@0"
#EXTINF:4.000000,
#EXT-X-BYTERANGE:500000@829
720p.m4s
#EXTINF:2.000000,
#EXT-X-BYTERANGE:100000@500829
720p.m4s
#EXT-X-ENDLIST
"""
INIT = b"\0\0\0\x30avcC\x01\x64\x00\x1f\xff\xe1" + bytes(900)
PICTURE = Picture(1280, 720, 29.97)
URL = "https://store.example/a/720p.m4s?X-Amz-Signature=abc&X-Amz-Date=1"


def video() -> RenditionIndex:
    return rendition_index(WRITTEN, INIT, PICTURE)


def sound() -> RenditionIndex:
    return rendition_index(WRITTEN.replace("720p", "audio"), INIT)


def test_the_peak_is_never_below_the_average_however_short_the_last_segment_is() -> None:
    steady = WRITTEN.replace("2.000000", "0.021000").replace("100000@", "2635@")
    index = rendition_index(steady, INIT, PICTURE)
    assert index.peak_bandwidth >= index.average_bandwidth >= 1_000_000


def test_an_index_holds_the_byte_ranges_and_what_a_master_says() -> None:
    assert video() == RenditionIndex(
        init_length=829,
        segments=(Segment(4.0, 829, 500_000), Segment(2.0, 500_829, 100_000)),
        codecs="avc1.64001f",
        average_bandwidth=800_000,
        peak_bandwidth=1_000_000,
        width=1280,
        height=720,
        frame_rate=29.97,
    )
    assert video().duration_ms == 6000


def test_the_index_of_sound_has_no_picture() -> None:
    assert (sound().codecs, sound().width) == ("mp4a.40.2", None)


def test_an_index_survives_json_in_little_room() -> None:
    stored = msgspec.to_builtins(video())
    assert stored["segments"][0] == [4.0, 829, 500_000]
    assert msgspec.convert(stored, RenditionIndex) == video()


@pytest.mark.parametrize("written", ["", "#EXTM3U\n", WRITTEN.replace("#EXT-X-ENDLIST\n", "")])
def test_a_playlist_that_is_not_whole_is_a_failure(written: str) -> None:
    with pytest.raises(MediaProblem):
        rendition_index(written, INIT, PICTURE)


def test_a_rendition_that_is_not_h264_is_a_failure() -> None:
    with pytest.raises(MediaProblem):
        rendition_index(WRITTEN, bytes(1000), PICTURE)


def test_a_media_playlist_points_each_range_at_the_url_given() -> None:
    assert media_playlist(video(), URL) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        f'#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI="{URL}",BYTERANGE="829@0"\n'
        f"#EXTINF:4.000000,\n#EXT-X-BYTERANGE:500000@829\n{URL}\n"
        f"#EXTINF:2.000000,\n#EXT-X-BYTERANGE:100000@500829\n{URL}\n#EXT-X-ENDLIST\n"
    )


def test_a_growing_rendition_is_what_there_is_of_it_and_its_playlist_has_no_end() -> None:
    index = rendition_index(WRITTEN.replace("#EXT-X-ENDLIST\n", ""), INIT, PICTURE, growing=True)
    assert (index.growing, index.segments) == (True, video().segments)
    begun = (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n"
        '#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n#EXT-X-MAP:URI="init?s=1"\n'
        "#EXTINF:4.000000,\n0?s=1\n#EXTINF:2.000000,\n1?s=1\n"
    )
    assert growing_playlist(index, "init?s=1", ["0?s=1", "1?s=1"]) == begun
    whole = msgspec.structs.replace(index, growing=False)
    assert growing_playlist(whole, "init?s=1", ["0?s=1", "1?s=1"]) == begun + "#EXT-X-ENDLIST\n"


def test_what_is_whole_says_nothing_of_growing_in_its_json() -> None:
    assert not {"growing", "pieces_until"} & set(msgspec.to_builtins(video()))


@pytest.mark.parametrize(("longest", "target"), [(4.4, 4), (4.6, 5), (0.2, 1)])
def test_no_segment_is_longer_than_the_target_when_rounded(longest: float, target: int) -> None:
    index = msgspec.structs.replace(video(), segments=(Segment(longest, 829, 10),))
    assert f"#EXT-X-TARGETDURATION:{target}\n" in media_playlist(index, "v.m4s")


def test_a_master_playlist_names_all_a_player_asks_for() -> None:
    lean = msgspec.structs.replace(
        video(), width=640, height=360, average_bandwidth=300_000, peak_bandwidth=400_000, codecs="avc1.64001e"
    )
    urls = {"720p": "720p.m3u8?s=1", "360p": "360p.m3u8?s=1", "audio": "audio.m3u8?s=1"}
    assert master_playlist({"720p": video(), "360p": lean}, sound(), urls) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,'
        'CHANNELS="2",URI="audio.m3u8?s=1"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1400000,AVERAGE-BANDWIDTH=1100000,CODECS="avc1.64001e,mp4a.40.2",'
        'RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="sound"\n360p.m3u8?s=1\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1600000,CODECS="avc1.64001f,mp4a.40.2",'
        'RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="sound"\n720p.m3u8?s=1\n'
    )


def test_a_master_without_sound_promises_none() -> None:
    written = master_playlist({"720p": video()}, None, {"720p": "v.m3u8"})
    assert "AUDIO" not in written
    assert 'CODECS="avc1.64001f"' in written


def test_a_master_offers_captions_by_names_of_their_own() -> None:
    subtitles = [Subtitles("en", "Text", "1.m3u8"), Subtitles("de", "Text", "2.m3u8"), Subtitles("fr", '"\n', "3.m3u8")]
    written = master_playlist({"720p": video()}, None, {"720p": "v.m3u8"}, subtitles).splitlines()
    assert written[3:6] == [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="{name}",LANGUAGE="{language}",'
        f'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="{url}"'
        for name, language, url in (("Text", "en", "1.m3u8"), ("Text (de)", "de", "2.m3u8"), ("fr", "fr", "3.m3u8"))
    ]
    assert written[6].endswith(',SUBTITLES="captions"')


def test_captions_are_one_segment_as_long_as_the_video() -> None:
    assert subtitles_playlist(61_234, "c.vtt?s=1") == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:62\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXTINF:61.234,\nc.vtt?s=1\n#EXT-X-ENDLIST\n"
    )


def test_a_storyboard_says_which_tile_shows_which_time() -> None:
    written = storyboard_vtt(Tiles(2000, 3, 2, 2, 160, 90), 5000, "https://x/s.jpg?a=1")
    assert written == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:02.000\nhttps://x/s.jpg?a=1#xywh=0,0,160,90\n\n"
        "00:00:02.000 --> 00:00:04.000\nhttps://x/s.jpg?a=1#xywh=160,0,160,90\n\n"
        "00:00:04.000 --> 00:00:05.000\nhttps://x/s.jpg?a=1#xywh=0,90,160,90\n"
    )
