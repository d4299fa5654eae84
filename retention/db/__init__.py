"""How state is stored: typed models, one queries file per subject, migrations, snapshots."""
