"""Generated traffic with exactly known truth, and measurements of whole processes on it."""
