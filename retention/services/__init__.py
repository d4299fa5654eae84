"""Use cases: load, decide, write. They flush; whoever opened the transaction commits."""
