"""From a template to the exact bytes that people approve."""
