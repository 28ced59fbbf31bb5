"""Tests of matching: the meaning of the language, engine by engine."""
