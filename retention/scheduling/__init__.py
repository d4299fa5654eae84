"""When things run by themselves: what the files want, what a Prefect server has, the way over."""
