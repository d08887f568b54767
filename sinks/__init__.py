"""Destinations of connection records and verdicts, and the loop that delivers to them."""
