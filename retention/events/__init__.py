"""What other systems tell us between two nights, so that the day is not blind."""
