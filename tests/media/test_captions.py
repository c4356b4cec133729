"""Caption files as people send them, and as they are served."""

import time

import pytest

from media.captions import MAX_CUE_CHARS, MAX_CUES, BadCaptions, Cue, read, words_of, write

LASTS_MS = 60_000

VTT = """WEBVTT - made by hand
Kind: captions

STYLE
::cue { background: url(https://tracker.example/pixel) }

REGION
id:fred width:40%

NOTE nobody reads
this

intro
00:01.000 --> 00:04.500 align:start position:10% region:fred onclick:alert(1)
Most operations leaders I meet
lose two days a month.

00:00:05.000 --> 00:01:00.400
<v Robin Rep>We showed them &amp; they <b>call</b> first.
"""

SRT = """1
00:00:01,000 --> 00:00:04,500
{\\an8}<font color="#ff0000">Most <i>operations</i> leaders</font>

2
00:00:05,000 --> 00:00:08,000
lose two days a month.
"""


def refused(text: str, *, duration_ms: int = LASTS_MS) -> list[str]:
    with pytest.raises(BadCaptions) as bad:
        read(text, duration_ms=duration_ms)
    return list(bad.value.errors)


def cleaned(text: str) -> str:
    return read(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n", duration_ms=LASTS_MS)[0].text


def test_webvtt_is_read_and_written_anew_without_styles_regions_and_notes() -> None:
    assert write(read(VTT, duration_ms=LASTS_MS)) == (
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:45000,LOCAL:00:00:00.000\n\n"
        "00:00:01.000 --> 00:00:04.500 align:start position:10%\n"
        "Most operations leaders I meet\nlose two days a month.\n\n"
        "00:00:05.000 --> 00:01:00.000\n"
        "Robin Rep: We showed them &amp; they <b>call</b> first.\n"
    )


def test_subrip_becomes_webvtt() -> None:
    assert read(SRT, duration_ms=LASTS_MS) == [
        Cue(1000, 4500, "Most <i>operations</i> leaders"),
        Cue(5000, 8000, "lose two days a month."),
    ]


@pytest.mark.parametrize("text", [VTT, SRT], ids=["webvtt", "subrip"])
def test_what_was_written_is_read_as_the_same(text: str) -> None:
    cues = read(text, duration_ms=LASTS_MS)
    assert read(write(cues), duration_ms=LASTS_MS) == cues


@pytest.mark.parametrize("ends", ["\r\n", "\r"], ids=["windows", "old mac"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(ends: str) -> None:
    for text in (VTT, SRT):
        assert read("\ufeff" + text.replace("\n", ends), duration_ms=LASTS_MS) == read(text, duration_ms=LASTS_MS)


def test_a_cue_may_follow_the_header_at_once_and_hours_may_be_left_out() -> None:
    assert read("WEBVTT\n00:01.000 --> 00:02.000\nHi", duration_ms=LASTS_MS) == [Cue(1000, 2000, "Hi")]


def test_the_words_are_without_markup_a_line_for_each_cue() -> None:
    assert words_of(read(VTT, duration_ms=LASTS_MS)) == (
        "Most operations leaders I meet lose two days a month.\nRobin Rep: We showed them & they call first."
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<script>alert(1)</script>", "alert(1)"),
        ("<img src=x onerror=alert(1)>Hi", "Hi"),
        ("<b onclick=alert(1)>Hi</b>", "<b>Hi</b>"),
        ("<v onmouseover=alert(1) Robin>Hi", "onmouseover=alert(1) Robin: Hi"),  # words, as all text is
        ("<v <b>>Hi", "&lt;v <b>&gt;Hi</b>"),
        ("<c.red.bg_blue>Hi</c>", "Hi"),
        ("<00:01.500>Hi", "Hi"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&amp;lt;b&amp;gt;", "&amp;lt;b&amp;gt;"),
        ("3 < 4 and 5 > 4", "3 &lt; 4 and 5 &gt; 4"),
        ("<i>never closed", "<i>never closed</i>"),
        ("<i><b>crossed</i></b>", "<i><b>crossed</b></i>"),
        ("closed</i> twice</i>", "closed twice"),
        ("<img src=x onerror=alert(1)", "&lt;img src=x onerror=alert(1)"),
        ("<scr<script>ipt>Hi", "&lt;script&gt;Hi"),
        ("\x00He\x1bl\u2028lo\x85", "Hello"),
        ("Café – „ja“ 配達 🙂", "Café – „ja“ 配達 🙂"),
    ],
)
def test_no_markup_that_could_run_is_kept(given: str, kept: str) -> None:
    assert cleaned(given) == kept


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("", ["There is no cue in this file. Send WebVTT or SubRip."]),
        ("WEBVTT\n\nNOTE nothing", ["There is no cue in this file. Send WebVTT or SubRip."]),
        (
            "Dear all,\nhello",
            ["Line 1: here a cue should begin, as in 00:01.000 --> 00:04.000, not 'Dear all,'."],
        ),
        (
            "WEBVTT\n\n1\n00:01 --> 00:04\nHi\n\n00:05.000 --> 00:06.000\nthere",
            ["Line 4: these are no times as in 00:01.000 --> 00:04.000: '00:01 --> 00:04'."],
        ),
        ("WEBVTT\n\n00:04.000 --> 00:04.000\nHi", ["Line 3: this cue ends before it begins."]),
        (
            "WEBVTT\n\n00:05.000 --> 00:06.000\nHi\n\n00:04.000 --> 00:07.000\nthere",
            ["Line 6: this cue begins at 00:00:04.000, before the one above it."],
        ),
        (
            "WEBVTT\n\n00:59.000 --> 01:01.001\nHi",
            ["Line 3: this cue lasts until 00:01:01.001, but the video only until 00:01:00.000."],
        ),
        (
            "WEBVTT\n\n01:00.000 --> 01:00.500\nHi",
            ["Line 3: this cue lasts until 00:01:00.500, but the video only until 00:01:00.000."],
        ),
        (
            "1\n00:00:01,000 --> 00:00:02,000\nHi\n2\n00:00:03,000 --> 00:00:04,000\nthere",
            ["Line 2: there is no empty line between this cue and the next."],
        ),
        (
            "WEBVTT\n\n00:61.000 --> 00:62.000\nHi\n\n00:05.000 --> 00:04.000\nthere",
            [
                "Line 3: these are no times as in 00:01.000 --> 00:04.000: '00:61.000 --> 00:62.000'.",
                "Line 6: this cue ends before it begins.",
            ],
        ),
        (
            "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "x" * (MAX_CUE_CHARS + 1),
            [f"Line 3: this cue has more than {MAX_CUE_CHARS} characters."],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, errors: list[str]) -> None:
    assert refused(text) == errors


def test_only_the_first_errors_are_told_and_only_so_many_cues_taken() -> None:
    assert len(refused("\n\n".join(["nothing"] * 1000))) == 20
    many = "\n\n".join(["00:01.000 --> 00:02.000\nHi"] * (MAX_CUES + 1))
    assert refused(many) == [f"There are more than {MAX_CUES} cues."]


def complaints(text: str) -> list[str]:
    try:
        read(text, duration_ms=LASTS_MS)
    except BadCaptions as bad:
        return list(bad.errors)
    return []


@pytest.mark.parametrize("piece", ["<", "&lt;", "<b>", "</", "{\\", "&", "<v ", "00:", "-->", "\n"])
def test_a_hostile_file_costs_no_time(piece: str) -> None:
    head = "WEBVTT\n\n00:01.000 --> 00:02.000\n"
    files = [head + piece * (500_000 // len(piece)), piece * (500_000 // len(piece))]
    files.append("WEBVTT\n\n" + f"{head[8:]}{piece * (1800 // len(piece))}\n\n" * 270)
    for text in files:
        started = time.process_time()
        errors = complaints(text)
        assert time.process_time() - started < 3
        assert max(map(len, errors), default=0) < 200
