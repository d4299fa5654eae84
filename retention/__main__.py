"""`python -m retention`."""

from retention.cli.main import main

main()
