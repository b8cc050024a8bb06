"""The command line: options in, requests out."""
