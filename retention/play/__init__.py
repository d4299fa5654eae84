"""The demo and the simulator at work."""
