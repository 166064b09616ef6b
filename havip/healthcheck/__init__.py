"""What is tracked by a process of its own: scripts, files and processes."""
