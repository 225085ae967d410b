"""Pitfalls of this family, one file each."""
