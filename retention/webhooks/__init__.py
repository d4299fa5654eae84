"""What other systems are told: signed, at least once, in their own time."""
