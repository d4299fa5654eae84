"""The customers' pages: opened by a link, without an account, without a script."""
