"""From the outbox to the mail server's answer."""
