"""Prove what happened."""
