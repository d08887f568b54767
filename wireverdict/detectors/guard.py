"""What stands between a judge and a detector of others: whatever that does, nothing else is lost.

An exception, or findings that cannot be told, become `DetectorFailed`; what was said in the window before the failure is left
out with it, since half an opinion may contradict the other half. The next window is asked for as if nothing had happened.
"""

from __future__ import annotations

import math
import os
import traceback
from ipaddress import ip_address
from typing import Any

import msgspec
import orjson

from wireverdict.detectors.base import Detector
from wireverdict.verdicts import Finding, Opinion, Severity, Subject, rounded
from wireverdict.windows.view import WindowView

_TIMES = (-(2**63), 2**63 - 1)


class DetectorFailed(Exception):
    """A detector of others broke. The message is a sentence without the detector's name."""


class Guard:
    """A detector as its judge sees it. `inner` is the one that others wrote."""

    def __init__(self, inner: Detector) -> None:
        self.inner = inner
        self.name = inner.name

    def judge(self, view: WindowView) -> list[Finding]:
        """Its findings, as they can be told and stored. Raises DetectorFailed."""
        try:
            said = self.inner.judge(view)
            findings = [] if said is None else list(said)
        except (Exception, SystemExit) as error:
            raise DetectorFailed(self._told(error)) from error
        checked = [self._checked(finding) for finding in findings]
        if len({finding.subject for finding in checked}) < len(checked):
            raise DetectorFailed("it judged the same subject twice in one window")
        return checked

    def dump(self) -> dict[str, Any]:
        """Its memory; none if it fails to give JSON values."""
        try:
            state: dict[str, Any] = orjson.loads(orjson.dumps(self.inner.dump(), option=orjson.OPT_SERIALIZE_NUMPY))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is others' code
            return {"failed": self._told(error)}
        return {"state": state}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave. Raises DetectorFailed: it goes on as a fresh one."""
        if "state" not in state:
            raise DetectorFailed(f"it could not say what it remembers: {state.get('failed')}")
        try:
            self.inner.load(state["state"])
        except (Exception, SystemExit) as error:
            raise DetectorFailed(f"it cannot take up its memory: {self._told(error)}") from error

    def _told(self, error: BaseException) -> str:
        code = getattr(getattr(type(self.inner), "judge", None), "__code__", None)
        return described(error, code.co_filename if code else "")

    def _checked(self, finding: Any) -> Finding:
        """Raises DetectorFailed."""
        if not isinstance(finding, Finding):
            raise DetectorFailed(f"it gave {type(finding).__name__} instead of a Finding")
        wrong = _wrong(finding)
        if finding.rule != self.name:
            wrong = f"a finding in the name of {finding.rule!r}"
        if wrong:
            raise DetectorFailed(f"it gave {wrong}")
        try:
            evidence, quality = rounded(finding.evidence), rounded(finding.capture_quality)
            orjson.dumps([evidence, quality])
        except (AttributeError, TypeError, ValueError, RecursionError) as error:
            raise DetectorFailed(f"it gave evidence that is no JSON: {error}") from None
        return Finding(
            finding.rule,
            finding.subject,
            finding.opinion,
            int(finding.since),
            int(finding.until),
            finding.severity,
            float(finding.confidence),
            evidence,
            quality,
            finding.remedy,
        )


def _wrong(finding: Finding) -> str:
    """What cannot be in a finding; "" if all is well."""
    for name, kind in (("subject", Subject), ("opinion", Opinion), ("severity", Severity), ("remedy", str)):
        if not isinstance(value := getattr(finding, name), kind):
            return f"{type(value).__name__} as {name} instead of {kind.__name__}"
    subject = finding.subject
    texts, ports = (
        (subject.source_ip, subject.destination_ip, subject.protocol),
        (subject.source_port, subject.destination_port),
    )
    try:
        msgspec.convert([*texts, *ports], tuple[str, str, str, int, int])
        times = int(finding.since), int(finding.until)
        sure = float(finding.confidence)
        for text in filter(None, texts[:2]):  # indexes of sinks refuse a document for anything else
            if "%" in str(ip_address(text)):
                raise ValueError(f"{text!r} has a zone")
    except (TypeError, ValueError) as error:
        return f"something that cannot be told: {error}"
    if not all(_TIMES[0] <= time <= _TIMES[1] for time in times):
        return f"times that are none: {times}"
    if times[1] < times[0]:
        return f"an end before its beginning: {times}"
    if not all(0 <= port <= 65_535 for port in ports):
        return f"ports that are none: {ports}"
    if not (math.isfinite(sure) and 0 <= sure <= 1):
        return f"a confidence of {sure}, which is not between 0 and 1"
    if not isinstance(finding.evidence, dict) or not isinstance(finding.capture_quality, dict):
        return "evidence that is no dict"
    return ""


def described(error: BaseException, within: str = "") -> str:
    """An exception in a line, with the last place in a file where it was on its way, if it was there:
    ``KeyError: 'x' (jitter.py, line 12)``."""
    first = next(iter(str(error).splitlines()), "")
    told = f"{type(error).__name__}: {first}" if first else type(error).__name__
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == within]
    return f"{told} ({os.path.basename(within)}, line {lines[-1]})" if lines else told
