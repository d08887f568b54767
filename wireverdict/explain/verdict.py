"""From a verdict's JSON to its explanation: `explain`."""

from __future__ import annotations

from typing import Any

from wireverdict.explain import counts, others, paths
from wireverdict.explain.parts import Evidence, Explain, Explanation

RULES: dict[str, Explain] = {
    "dns-loss": counts.dns_loss,
    "throttling-ratio": counts.throttling_ratio,
    "new-flow-loss": counts.new_flow_loss,
    "policing": paths.policing,
    "bufferbloat": paths.bufferbloat,
    "retransmission-storm": counts.retransmission_storm,
    "zero-window": counts.zero_window,
    "capture-loss": counts.capture_loss,
    "sensor-silence": counts.sensor_silence,
    "detector-error": counts.detector_error,
}
"""By rule.id. Detectors that are not here (those of others) explain themselves: `wireverdict.explain.others`."""


class NotAVerdict(ValueError):
    """The JSON is not a verdict of wireverdict; the message is a sentence."""


def explain(document: dict[str, Any], settings: Any) -> Explanation:
    """`document` as `Verdict.to_json` makes it, `settings` a `wireverdict.settings.Settings`. Raises NotAVerdict."""
    try:
        if document["event"]["dataset"] != "wireverdict.verdict":
            raise NotAVerdict(f"this is a document of {document['event']['dataset']}, not a verdict")
        rule, mine = str(document["rule"]["id"]), document["wireverdict"]
        evidence: Evidence = mine["evidence"]
        remedy, status = str(mine["remedy"]), str(mine["status"])
    except (KeyError, TypeError):
        raise NotAVerdict("this is no verdict: event.dataset, rule.id or wireverdict.evidence is missing") from None
    notes = []
    if "worst" in evidence and "subjects" in evidence:  # one verdict for many subjects
        shared, worst = ", ".join(evidence.get("examples", [])[:3]), evidence["worst"].get("subject", "")
        notes.append(f"It stands for {evidence['subjects']} subjects ({shared} …); the numbers are those of {worst}.")
        evidence = evidence["worst"]
    if located := evidence.get("loss_located"):
        notes.append(f"Two sensors saw where: {located}.")
    by_rule = RULES.get(rule)
    made = by_rule(evidence, settings) if by_rule else others.explained(rule, evidence, settings)
    made.rule += [*notes, *_life(document, settings)]
    made.changes += _quality(mine.get("capture_quality", {}))
    made.next_steps = [text for text in ([remedy] if remedy else []) + made.next_steps if text]
    if status == "resolved":
        made.next_steps.insert(0, "It is over; what follows is for finding out why it happened.")
    return made


def _life(document: dict[str, Any], settings: Any) -> list[str]:
    """When people are told, and what made this step."""
    alerts, reason = settings.alerts, document["wireverdict"].get("reason", "")
    told = (
        f"People are told at once if it is critical or at least {alerts.clear_confidence:.0%} sure, else when "
        f"{alerts.bad_windows} of the last {alerts.of_windows} windows were bad; it is over after {alerts.good_windows} good "
        f"windows in a row, or {alerts.silence:g} s with nothing to judge by."
    )
    return [told, f"This step ({document['wireverdict'].get('step', '?')}): {reason}."] if reason else [told]


def _quality(quality: dict[str, Any]) -> list[str]:
    """What of the capture weakens the verdict."""
    said = []
    if share := quality.get("missed_share"):
        said.append(f"The capture missed {share:.1%} of the data: a better one may say otherwise.")
    if quality.get("cut_by_end_of_capture"):
        said.append("The capture ends in this window: a longer one may say otherwise.")
    return said
