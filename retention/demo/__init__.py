"""A simulated company with known ground truth, and a local mail catcher."""
