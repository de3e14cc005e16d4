"""Outlines and pictures: read, draw, identify, build fonts (字形)."""
