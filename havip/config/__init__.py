"""The configuration: its model, its files, the plan of a reload."""
