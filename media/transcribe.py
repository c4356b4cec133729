"""Captions made of the sound by a model in a local folder. Run as a program: in a process of its own, walled in.

The model's library is the extra `captions`; it is imported here only, and only in that process.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np

from media import captions, commands, ffmpeg
from media.binaries import Tools
from media.captions import Cue
from media.problems import MediaProblem

LIBRARY = "faster_whisper"
MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
SAMPLES_PER_S = 16_000
MEMORY_BYTES = 8 << 30
MAX_THREADS = 4
COST_S = 5.0  # for a second of sound

# What reads well: two lines of 42 characters, and time to read them.
CUE_CHARS = 84
LINE_CHARS = 42
CUE_MS = 6000
REST_MS = 700
SENTENCE_CHARS = 30


class Word(msgspec.Struct, frozen=True, array_like=True):
    text: str
    start_ms: int
    end_ms: int


class Transcript(msgspec.Struct, frozen=True):
    """`language` as the model hears it, such as `en`."""

    language: str
    words: list[Word]


def unavailable(model: Path | None) -> str:
    """Return why no captions can be made here, as a sentence for who runs it; empty when they can."""
    if model is None:
        return "SHOWME_CAPTIONS_MODEL does not name the folder of a model."
    if missing := [name for name in MODEL_FILES if not (model / name).is_file()]:
        return f"The folder of SHOWME_CAPTIONS_MODEL, {model}, has no {' and no '.join(missing)}."
    if find_spec(LIBRARY) is None:
        return "The extra is not installed: pip install showme[captions]."
    return ""


async def transcribe(sound: Path, model: Path | None, tools: Tools, *, duration_ms: int) -> Transcript:
    """Raises MediaProblem. Works beside `sound`."""
    why = unavailable(model)
    if model is None or why:
        raise MediaProblem("captions_failed", why)
    bounds = ffmpeg.encoding(
        COST_S * duration_ms / 1000, file_bytes=duration_ms * SAMPLES_PER_S * 2 // 1000 + (16 << 20)
    )
    samples = sound.with_name("speech.pcm")
    argv = commands.samples(sound, samples.name, rate=SAMPLES_PER_S)
    await ffmpeg.run([tools.binaries.ffmpeg, *argv], folder=sound.parent, bounds=bounds)
    bounds = ffmpeg.Bounds(bounds.wall_s, bounds.cpu_s, MEMORY_BYTES, file_bytes=1 << 20)
    try:
        said = await ffmpeg.run(_program(model, samples), folder=sound.parent, bounds=bounds)
    except ffmpeg.FfmpegFailed as failed:
        code = "captions_failed" if failed.code == "processing_failed" else failed.code
        raise MediaProblem(code, failed.detail) from failed
    return msgspec.json.decode(said.stdout, type=Transcript)


def _program(model: Path, samples: Path) -> list[str]:
    """Run this very file as its own program; it works in another folder, so paths are whole."""
    return [sys.executable, "-B", "-P", "-m", "media.transcribe", str(model.resolve()), str(samples.resolve())]


def cues_of(words: Sequence[Word], *, duration_ms: int) -> list[Cue]:
    """Group what was heard into cues that can be read: short, and broken where a sentence or a breath ends."""
    cues: list[Cue] = []
    group: list[Word] = []
    for word in words:
        if group and _is_full(group, word):
            cues += _cue(group, duration_ms)
            group = []
        group.append(word)
    return cues + _cue(group, duration_ms)


def _is_full(group: Sequence[Word], word: Word) -> bool:
    text = _text(group)
    return (
        len(text) + len(word.text) > CUE_CHARS
        or word.end_ms - group[0].start_ms > CUE_MS
        or word.start_ms - group[-1].end_ms > REST_MS
        or (len(text) >= SENTENCE_CHARS and text[-1] in ".?!")
    )


def _cue(group: Sequence[Word], duration_ms: int) -> list[Cue]:
    text = captions.plain(_in_lines(_text(group)))
    if not text:
        return []
    start_ms = group[0].start_ms
    end_ms = min(max(group[-1].end_ms, start_ms + 1), duration_ms)
    return [Cue(start_ms, end_ms, text)] if start_ms < end_ms else []


def _text(group: Sequence[Word]) -> str:
    """Join as the model has it: it says itself where a space is."""
    return " ".join("".join(word.text for word in group).split())


def _in_lines(text: str) -> str:
    """In two lines of about the same length, where it is too long for one."""
    spaces = [at for at, character in enumerate(text) if character == " "]
    if len(text) <= LINE_CHARS or not spaces:
        return text
    middle = min(spaces, key=lambda at: abs(at - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def _hear(model: str, samples: str) -> Transcript:
    library = importlib.import_module(LIBRARY)
    heard = np.fromfile(samples, dtype=np.int16).astype(np.float32) / 32_768
    threads = min(MAX_THREADS, os.cpu_count() or 1)
    loaded = library.WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    segments, about = loaded.transcribe(
        heard, vad_filter=True, word_timestamps=True, condition_on_previous_text=False, beam_size=5
    )
    words = [
        Word(word.word, round(word.start * 1000), round(word.end * 1000))
        for segment in segments
        for word in segment.words or ()
    ]
    return Transcript(about.language, words)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_hear(*sys.argv[1:3])))
