"""A customer's way through a playbook."""
