"""Bytes in, bytes out: files and their formats."""
