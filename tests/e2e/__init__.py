"""Whole replays: real files and the samples in, alerts out."""
