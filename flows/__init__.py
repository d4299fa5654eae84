"""When things run: each flow is a table of contents."""
