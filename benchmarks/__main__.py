"""``python -m benchmarks``: all measurements."""

from benchmarks.analyze import main

main()
