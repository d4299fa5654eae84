"""Who watches tells a person: what is wrong, once, and once more when it is over."""
