"""wireverdict: from packet headers to connection records and verdicts.

The core in this package is pure: arrays in, values out. Nothing outside ``cli`` and ``output`` reads a file, a clock, a
socket or the environment.
"""

__version__ = "0.1.0"
