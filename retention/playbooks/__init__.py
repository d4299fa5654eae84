"""Load and validate playbooks; evaluate their conditions over score frames."""
