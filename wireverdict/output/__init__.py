"""What people and programs read: connection records and verdicts as JSON lines, CSV, Parquet, and as a page in a terminal."""
