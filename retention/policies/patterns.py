"""What ids and countries look like in policy files."""

ID = "^[a-z][a-z0-9_.-]*$"
COUNTRY = "^[A-Z]{2}$"
