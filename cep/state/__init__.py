"""Keeping partial matches outside the process."""
