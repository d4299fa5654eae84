"""One visible step each: open the transaction, call one service, return a small summary."""
