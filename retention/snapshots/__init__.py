"""One night, frozen as Parquet."""
