"""Tests of the sample events: what the generator writes, and that the planted cases hold."""
