"""What a night decides."""
