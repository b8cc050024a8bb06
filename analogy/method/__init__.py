"""Algorithm 1 of the paper, one module for each of its steps."""
