"""Backtests: what other settings would have said of the same past, how right they would have been, and the report of it."""
