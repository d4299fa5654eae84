"""The web door: the console for the team."""
