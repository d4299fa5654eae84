"""Builders of things that tests need; every one has sensible defaults."""
