"""Everything of retention that would still exist without Prefect."""
