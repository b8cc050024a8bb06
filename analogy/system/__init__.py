"""What the machine has, and how files are written on it."""
