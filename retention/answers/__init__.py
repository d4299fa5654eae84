"""What customers say on their pages, and what follows from it."""
