"""What holds us back: exclusions, switches, dead addresses."""
