"""``python -m wireverdict``."""

from wireverdict.cli import main

main()
