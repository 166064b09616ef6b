"""Health checks.  Nothing is here yet: see the list of what is missing in README.md."""
