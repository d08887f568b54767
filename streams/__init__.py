"""The Faust application: from headers on Kafka to connection records, windows and verdicts."""
