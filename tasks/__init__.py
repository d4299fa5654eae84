"""One visible, retryable step each: open the transaction, call one service, return a small summary."""
