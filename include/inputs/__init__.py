"""What a run works on: its snapshot of the raw files, repaired rows and late arrivals."""
