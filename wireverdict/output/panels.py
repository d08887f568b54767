"""A trouble as a box: what, who, since when, how sure, by what evidence, and what to check next."""

from __future__ import annotations

from typing import Any

from wireverdict.output.units import duration, evidence, moment, share
from wireverdict.verdicts import Severity, Status, Subject, Verdict

_COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
_ROOM = 3
"""Lines for evidence beside its sentence; what does not fit is in the JSON."""


class Incident:
    """All steps told about one trouble: `last` says how it stands, `worst` (the last of the gravest that fired) why."""

    def __init__(self, first: Verdict) -> None:
        self.last = self.worst = first

    def add(self, verdict: Verdict) -> None:
        """One more step, in order of time."""
        self.last = verdict
        if verdict.status is Status.FIRING and verdict.severity >= self.worst.severity:
            self.worst = verdict

    def urgency(self) -> tuple[Any, ...]:
        """Sorts what goes on before what is over, and the graver first."""
        worst = self.worst
        return self.over, -int(worst.severity), -worst.confidence, worst.start, worst.rule, worst.subject

    @property
    def over(self) -> bool:
        """Whether it was resolved."""
        return self.last.status is Status.RESOLVED


def who(subject: Subject) -> str:
    """``192.0.2.1 to 198.51.100.7 port 53 (udp)``, as far as the subject goes."""

    def end(ip: str, port: int) -> str:
        return " ".join(filter(None, (ip, f"port {port}" if port else "")))

    source = end(subject.source_ip, subject.source_port)
    destination = end(subject.destination_ip, subject.destination_port)
    joined = f"{source} to {destination}" if source and destination else source or destination or "everything captured"
    return f"{joined} ({subject.protocol})" if subject.protocol else joined


def title(incident: Incident) -> str:
    """``CRITICAL, over  DNS queries go unanswered``."""
    return f"{incident.worst.severity.name}{', over' if incident.over else ''}  {incident.worst.name}"


def brief(incident: Incident) -> str:
    """The title and whom it is about, for a line."""
    return f"{title(incident)}: {who(incident.worst.subject)}"


def panel(incident: Incident) -> Any:
    """The box, for rich to print."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    worst, last = incident.worst, incident.last
    colour = _COLOURS[worst.severity]
    lasted = duration(max(last.end - last.start, 0))
    since = f"{moment(last.start)}, for {lasted}, {'now over' if incident.over else 'no end seen'}"
    sure = [share(worst.confidence), *(f"capture: {words}" for words in evidence(worst.capture_quality, 60))]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("who", Text(who(worst.subject), style="bold"))
    grid.add_row("since", since)
    grid.add_row("sure", "; ".join(sure))
    grid.add_row("evidence", "\n".join(evidence(worst.evidence, _ROOM * 60)))
    if worst.remedy:
        grid.add_row("check next", worst.remedy)
    return Panel(
        grid,
        title=Text(title(incident), style=f"bold {colour}"),
        title_align="left",
        subtitle=worst.rule,
        subtitle_align="right",
        border_style="dim" if incident.over else colour,
    )
