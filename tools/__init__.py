"""Generators of what ships with the program."""
