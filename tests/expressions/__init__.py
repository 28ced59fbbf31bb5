"""Tests of expressions: what every operator and function gives, nulls included."""
