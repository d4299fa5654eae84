"""What waits for people, and what they do with it."""
