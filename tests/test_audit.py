"""The audit of the dependencies says what it found, and never calls it well when it could not ask."""

import runpy
from typing import Any

import pytest

from tests.processes import ROOT

AUDIT = runpy.run_path(str(ROOT / ".ci" / "audit"))
CLEAN = {"name": "a", "version": "1", "vulns": []}
HIT = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


def judged(capsys: pytest.CaptureFixture[str], found: list[dict[str, Any]], why: str = "") -> tuple[bool, str]:
    bad = AUDIT["judge"]("some.lock", found, why)
    return bad, capsys.readouterr().out


def test_what_could_not_be_asked_is_no_all_clear(capsys: pytest.CaptureFixture[str]) -> None:
    bad, said = judged(capsys, [], "osv does not answer")
    assert not bad
    assert said.startswith("AUDIT NOT DONE: some.lock: osv does not answer")


def test_a_known_vulnerability_fails_and_says_what_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    bad, said = judged(capsys, [CLEAN, HIT])
    assert bad
    assert "VULNERABLE: some.lock: b 2: PYSEC-1; mended by 2.1" in said
    assert "Audited 2 of 2 packages of some.lock: 1 with known vulnerabilities." in said


def test_what_was_left_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    bad, said = judged(capsys, [CLEAN, SKIPPED])
    assert not bad
    assert "AUDIT INCOMPLETE: some.lock: c: not found" in said
    assert "Audited 1 of 2" in said
