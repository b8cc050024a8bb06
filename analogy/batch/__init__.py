"""Many pairs: a table of them in, a folder of results for each out."""
