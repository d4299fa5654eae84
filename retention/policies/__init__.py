"""What ops decide: one module per file in config/."""
