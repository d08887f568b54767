"""The full-screen view of ``wireverdict watch``."""
