"""What we ask of the database, one file per subject."""
