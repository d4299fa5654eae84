"""The company's data: connect, map to the canonical tables, check, extract features."""
