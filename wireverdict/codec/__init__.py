"""What travels on the bus as Arrow: header batches and connection records, encoded and decoded."""
