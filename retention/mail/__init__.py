"""Render a template into one finished e-mail, and hand finished bytes to yagmail."""
