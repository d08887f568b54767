"""The life of alerts: from findings, window by window, to what people are told.

A subject is *pending* while its bad windows are too few, *firing* from the moment people are told, and *resolved* when
it has been good for long enough, or when there is nothing more to judge it by. Everything moves on packet time. There
is one open verdict at most for a fingerprint (detector and subject). When many subjects of one detector would fire in
the same window, one verdict for all of them is told instead, and those that follow join it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from wireverdict.verdicts import RULE_NAMES, Finding, Opinion, Severity, Status, Subject, Verdict, fingerprint

_SECOND = 1_000_000_000


class AlertSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many windows it takes. With windows of 10 s a clear fault is told within 20 s and its end within 30."""

    bad_windows: int = 2
    """windows that must be bad …"""
    of_windows: int = 3
    """… among the last so many that were judged, before people are told: one odd window wakes nobody."""
    clear_confidence: float = 0.9
    """confidence from which one bad window is enough, as it is for critical severity."""
    good_windows: int = 2
    """good windows in a row that resolve: fewer would flap in a fault that comes and goes."""
    silence: float = 30.0
    """s (three windows at least) with nothing to judge by, after which a verdict is resolved for lack of traffic."""
    renotify: float = 3_600.0
    """s of packet time after which a verdict that still fires is told again; 0: never."""
    group_over: int = 10
    """new verdicts of one detector in one window above which they are told as one: an outage is one page."""

    def __post_init__(self) -> None:
        if not 1 <= self.bad_windows <= self.of_windows <= 64:
            raise ValueError(
                f"alerts.bad_windows is {self.bad_windows} of alerts.of_windows {self.of_windows}; "
                "it must be 1 <= bad_windows <= of_windows <= 64"
            )
        if self.good_windows < 1 or self.group_over < 1:
            raise ValueError("alerts.good_windows and alerts.group_over must be at least 1")
        if self.silence < 0 or self.renotify < 0:
            raise ValueError("alerts.silence and alerts.renotify must not be negative")


@dataclass(slots=True)
class _Trouble:
    """What is remembered of a subject between windows."""

    finding: Finding  # the last bad one
    seen: int  # end of the last window that mentioned it
    start: int
    end: int  # end of the last bad window
    history: list[bool] = field(default_factory=list)  # bad or not, of the last windows that judged it
    firing: bool = False
    severity: Severity = Severity.INFO  # the worst since it fired
    told: int = 0  # when it was last told
    group: str = ""  # fingerprint of the group that speaks for it
    last: Verdict | None = None


class Alerts:
    """Holds one open verdict at most per fingerprint."""

    def __init__(self, settings: AlertSettings | None = None) -> None:
        self.settings = settings or AlertSettings()
        self._troubles: dict[str, _Trouble] = {}
        self._steps = 0

    def step(self, window_start: int, window_end: int, findings: Iterable[Finding]) -> list[Verdict]:
        """Verdicts that the findings of one closed window cause, in a fixed order. Windows come in order, once each.

        Raises ValueError when two findings are of the same detector about the same subject.
        """
        judged: dict[str, Finding] = {}
        for finding in findings:
            name = fingerprint(finding.rule, finding.subject)
            if name in judged:
                raise ValueError(f"{finding.rule} judged {finding.subject.text() or 'the capture'} twice in one window")
            judged[name] = finding
        self._steps += 1
        told: list[Verdict] = []
        limit = max(round(self.settings.silence * _SECOND), 3 * (window_end - window_start))
        told += self._silent(window_start, window_end, limit, skip=frozenset())
        ready: list[str] = []
        for name in sorted(judged):
            told += self._judge(name, judged[name], window_end, ready)
        told += self._fire(ready, window_end)
        told += self._silent(window_end, window_end, limit, skip=judged.keys())
        told += self._groups(window_end)
        return sorted(told, key=_order)

    def finish(self) -> list[Verdict]:
        """At the end of the input. What fires stays firing: an end of data is no resolution.

        An input of fewer windows than it takes to confirm anything (`of_windows`) tells what was bad whenever it
        could be judged: a capture of one window would otherwise never tell anything.
        """
        if self._steps > self.settings.of_windows:
            return []
        waiting = sorted(self._troubles.items())
        ready = [name for name, trouble in waiting if not trouble.firing and all(trouble.history)]
        at = max((trouble.seen for trouble in self._troubles.values()), default=0)
        return sorted(
            self._fire(
                ready, at, "bad in every window that could judge it, and the input is too short to wait for more"
            ),
            key=_order,
        )

    @property
    def firing(self) -> list[Verdict]:
        """The last step of everything that fires now, in a fixed order."""
        return sorted(
            (trouble.last for trouble in self._troubles.values() if trouble.firing and trouble.last), key=_order
        )

    def subjects(self, rule: str) -> list[Subject]:
        """Whom a detector has found bad, as far as that is not over; in a fixed order."""
        troubles = (trouble for trouble in self._troubles.values() if trouble.group != "*")
        return sorted(trouble.finding.subject for trouble in troubles if trouble.finding.rule == rule)

    def dump(self) -> dict[str, Any]:
        """All memory between windows, as JSON values."""
        troubles: dict[str, Any] = msgspec.to_builtins(self._troubles)
        return {"steps": self._steps, "troubles": troubles}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._steps = int(state["steps"])
        self._troubles = msgspec.convert(state["troubles"], dict[str, _Trouble])

    def _judge(self, name: str, finding: Finding, now: int, ready: list[str]) -> list[Verdict]:
        """One subject's window. Names of those that should fire go to `ready`."""
        trouble = self._troubles.get(name)
        bad = finding.opinion is Opinion.BAD
        if trouble is None:
            if bad:
                trouble = self._troubles[name] = _Trouble(finding, now, finding.since, finding.until)
            else:
                return []
        trouble.seen = now
        if finding.opinion is Opinion.UNKNOWN:
            return []
        trouble.history = [*trouble.history, bad][-max(self.settings.of_windows, self.settings.good_windows) :]
        if not bad:
            return self._good(name, trouble, finding, now)
        trouble.finding, trouble.end = finding, finding.until
        if not trouble.firing:
            clear = finding.severity >= Severity.CRITICAL or finding.confidence >= self.settings.clear_confidence
            if clear or sum(trouble.history[-self.settings.of_windows :]) >= self.settings.bad_windows:
                ready.append(name)
            return []
        if finding.severity > trouble.severity:
            trouble.severity = finding.severity
            return self._tell(trouble, Status.FIRING, "escalated", now, f"now {finding.severity.name.lower()}")
        every = round(self.settings.renotify * _SECOND)
        if every and now - trouble.told >= every:
            hours = (now - trouble.start) / _SECOND / 3600
            return self._tell(trouble, Status.FIRING, "repeated", now, f"still going on after {hours:.1f} h")
        return []

    def _good(self, name: str, trouble: _Trouble, finding: Finding, now: int) -> list[Verdict]:
        if not trouble.firing:
            if not any(trouble.history[-self.settings.of_windows :]):
                del self._troubles[name]
            return []
        last = trouble.history[-self.settings.good_windows :]
        if len(last) < self.settings.good_windows or any(last):
            return []
        del self._troubles[name]
        reason = f"good in {self.settings.good_windows} windows in a row"
        return self._tell(trouble, Status.RESOLVED, "resolved", now, reason, finding.evidence)

    def _fire(self, ready: list[str], now: int, reason: str = "") -> list[Verdict]:
        told = []
        by_rule: dict[str, list[str]] = {}
        for name in ready:
            by_rule.setdefault(self._troubles[name].finding.rule, []).append(name)
        for rule, names in sorted(by_rule.items()):
            troubles = [self._troubles[name] for name in names]
            group = self._group(rule, troubles, now) if len(troubles) > self.settings.group_over else ""
            for trouble in troubles:
                trouble.firing, trouble.severity = True, trouble.finding.severity
                trouble.group = group or self._covering(trouble.finding)
                bad, of = sum(trouble.history), len(trouble.history)
                told += self._tell(
                    trouble, Status.FIRING, "fired", now, reason or f"bad in {bad} of the last {of} windows judged"
                )
            head = self._troubles.get(group)
            if head and head.last is None:
                told += self._tell(head, Status.FIRING, "fired", now, f"{len(troubles)} subjects at once")
        return told

    def _group(self, rule: str, troubles: list[_Trouble], now: int) -> str:
        """The name of a trouble that stands for many, made if need be; "" if there can be none. Its subject is what
        they share, or nobody."""
        findings = [trouble.finding for trouble in troubles]
        subjects = sorted({finding.subject for finding in findings})
        shared = {
            name: getattr(subjects[0], name)
            for name in ("source_ip", "destination_ip", "destination_port", "source_port", "protocol")
            if len({getattr(subject, name) for subject in subjects}) == 1
        }
        for subject in (Subject(**shared), Subject()):
            name = fingerprint(rule, subject)
            if name not in self._troubles:
                break
            if self._troubles[name].group == "*":
                return name
        else:
            return ""
        worst = min(findings, key=lambda finding: (-finding.severity, -finding.confidence, finding.subject))
        finding = Finding(
            rule,
            subject,
            Opinion.BAD,
            since=min(finding.since for finding in findings),
            until=max(finding.until for finding in findings),
            severity=worst.severity,
            confidence=worst.confidence,
            evidence={
                "subjects": len(subjects),
                "examples": [subject.text() for subject in subjects[:10]],
                "worst": {"subject": worst.subject.text(), **worst.evidence},
            },
            capture_quality=worst.capture_quality,
            remedy=worst.remedy,
        )
        self._troubles[name] = _Trouble(
            finding, now, finding.since, finding.until, [True], True, finding.severity, group="*"
        )
        return name

    def _covering(self, finding: Finding) -> str:
        """The name of an open group that speaks for a new subject too; "" if there is none."""
        for name, trouble in sorted(self._troubles.items()):
            if trouble.group == "*" and trouble.finding.rule == finding.rule:
                wanted = {field: value for field, value in asdict(trouble.finding.subject).items() if value}
                if all(getattr(finding.subject, field) == value for field, value in wanted.items()):
                    return name
        return ""

    def _groups(self, now: int) -> list[Verdict]:
        """Resolve groups of which nobody is left."""
        told: list[Verdict] = []
        members = {trouble.group for trouble in self._troubles.values()}
        for name in sorted(name for name, trouble in self._troubles.items() if trouble.group == "*"):
            trouble = self._troubles[name]
            trouble.seen = now
            if name not in members:
                del self._troubles[name]
                told += self._tell(trouble, Status.RESOLVED, "resolved", now, "all of its subjects are over")
            else:
                trouble.end = max(other.end for other in self._troubles.values() if other.group == name)
        return told

    def _silent(self, since: int, now: int, limit: int, skip: Iterable[str]) -> list[Verdict]:
        """Resolve, or forget, what has not been mentioned for `limit` ns before `since`."""
        told: list[Verdict] = []
        for name, trouble in sorted(self._troubles.items()):
            if name in skip or since - trouble.seen < limit or trouble.group == "*":
                continue
            del self._troubles[name]
            if trouble.firing:
                seconds = (since - trouble.seen) / _SECOND
                reason = f"nothing to judge it by for {seconds:.0f} s"
                told += self._tell(trouble, Status.RESOLVED, "resolved", now, reason)
        return told

    def _tell(
        self,
        trouble: _Trouble,
        status: Status,
        step: str,
        now: int,
        reason: str,
        evidence: dict[str, Any] | None = None,
    ) -> list[Verdict]:
        """The verdict for one step, unless a group speaks for the subject."""
        finding = trouble.finding
        trouble.told = now
        told = finding.evidence | ({"when_resolved": evidence} if evidence else {})
        verdict = Verdict(
            rule=finding.rule,
            name=RULE_NAMES.get(finding.rule, finding.rule.replace("-", " ").capitalize()),
            status=status,
            step=step,
            subject=finding.subject,
            severity=max(trouble.severity, finding.severity),
            confidence=finding.confidence,
            start=trouble.start,
            end=trouble.end,
            at=now,
            evidence=told,
            capture_quality=finding.capture_quality,
            remedy=finding.remedy,
            reason=reason,
        )
        if trouble.group not in ("", "*"):
            return []
        trouble.last = verdict
        return [verdict]


def _order(verdict: Verdict) -> Any:
    return verdict.rule, verdict.subject, verdict.status is Status.FIRING  # what is over comes first
