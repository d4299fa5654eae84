"""Charts and summaries."""
