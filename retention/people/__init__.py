"""Who acts, and for whom."""
