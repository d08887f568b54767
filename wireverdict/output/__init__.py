"""What people and programs read: records and verdicts as JSON lines, CSV, Parquet, and as a page in a terminal."""
