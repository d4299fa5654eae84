"""The ledger of runs: claimed, renewed, finished once per business date."""
