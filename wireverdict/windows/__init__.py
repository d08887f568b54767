"""Windows of event time: integer aggregates of what happened in each, closed by the watermark."""
