"""What a detector of your own needs, in one place: ``from wireverdict.plugin import Plugin, Finding, …``.

docs/write-a-detector.md builds one. These names keep their meaning as long as `API` stays the same.
"""

from wireverdict.detectors.base import API, Detector, Plugin
from wireverdict.detectors.quality import capture_quality, confidence, drop_share
from wireverdict.detectors.shares import wilson_lower
from wireverdict.explain.parts import Check, Explanation
from wireverdict.headers import ICMP, ICMP6, TCP, UDP
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.fields import Count, Dns
from wireverdict.windows.home import address_text
from wireverdict.windows.view import Capture, WindowView

__all__ = [
    "API",
    "ICMP",
    "ICMP6",
    "TCP",
    "UDP",
    "Capture",
    "Check",
    "Count",
    "Detector",
    "Dns",
    "Explanation",
    "Finding",
    "Opinion",
    "Plugin",
    "Severity",
    "Subject",
    "WindowView",
    "address_text",
    "capture_quality",
    "confidence",
    "drop_share",
    "wilson_lower",
]
