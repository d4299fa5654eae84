"""The survey: a number first, then why. The next night reads the number as a survey's answer."""

CAUSES = {
    "our_service": "own_fault",
    "our_price": "unable",
    "not_needed": "need_change",
    "how_it_works": "unaware",
}
"""What may lie behind a number, and the root cause of a reassessment that it speaks for."""

UNHAPPY = 6
"""Up to this number somebody is asked to call (the usual bound of the net promoter score)."""
