"""What is heard becomes captions that can be read; and why none can be made, where none can."""

from importlib.util import find_spec
from pathlib import Path

from media.captions import Cue
from media.transcribe import LIBRARY, MODEL_FILES, Word, cues_of, unavailable


def said(sentence: str, *, start_ms: int = 0, each_ms: int = 300) -> list[Word]:
    """Words as a model gives them: each brings the space before it."""
    return [
        Word(f" {word}", start_ms + place * each_ms, start_ms + (place + 1) * each_ms)
        for place, word in enumerate(sentence.split())
    ]


def test_a_sentence_is_a_cue_of_two_lines_at_most() -> None:
    words = said("Most operations leaders I meet lose two days a month. We showed them the delay.")
    assert cues_of(words, duration_ms=60_000) == [
        Cue(0, 3000, "Most operations leaders I\nmeet lose two days a month."),
        Cue(3000, 4500, "We showed them the delay."),
    ]


def test_a_breath_ends_a_cue() -> None:
    words = [*said("How do you learn", start_ms=0), *said("that it is late?", start_ms=2000)]
    assert [cue.start_ms for cue in cues_of(words, duration_ms=60_000)] == [0, 2000]


def test_who_speaks_without_end_is_still_read_in_pieces() -> None:
    cues = cues_of(said("word " * 200, each_ms=250), duration_ms=60_000)
    assert max(len(cue.text) for cue in cues) <= 84
    assert max(cue.end_ms - cue.start_ms for cue in cues) <= 6000
    assert " ".join(cue.words for cue in cues).split() == ["word"] * 200


def test_cues_end_with_the_video_and_hold_no_markup() -> None:
    words = [Word(" <b>", 0, 500), Word(" late", 900, 5000), Word(" after", 7000, 8000)]
    assert cues_of(words, duration_ms=2000) == [Cue(0, 2000, "&lt;b&gt; late")]


def test_of_nothing_that_was_heard_there_are_no_cues() -> None:
    assert cues_of([], duration_ms=2000) == []
    assert cues_of([Word("  ", 0, 500)], duration_ms=2000) == []


def test_why_none_can_be_made_is_a_sentence(tmp_path: Path) -> None:
    assert unavailable(None) == "SHOWME_CAPTIONS_MODEL does not name the folder of a model."
    (tmp_path / "model.bin").touch()
    assert unavailable(tmp_path) == (
        f"The folder of SHOWME_CAPTIONS_MODEL, {tmp_path}, has no config.json and no tokenizer.json."
    )
    for name in MODEL_FILES:
        (tmp_path / name).touch()
    missing = "" if find_spec(LIBRARY) else "The extra is not installed: pip install showme[captions]."
    assert unavailable(tmp_path) == missing
