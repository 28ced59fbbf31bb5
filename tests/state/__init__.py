"""Tests of state: snapshots, their bytes, and the stores that keep them."""
