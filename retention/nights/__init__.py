"""Pull, score, plan: the work of a night."""
