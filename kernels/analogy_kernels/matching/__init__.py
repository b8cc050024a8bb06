"""Nearest-neighbour fields: starts, searches, and what is made of them (sections 4.2 and 4.4)."""
