"""`python -m retention`."""

from retention.cli.app import main

main()
