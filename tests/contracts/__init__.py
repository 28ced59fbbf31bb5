"""Contracts: one set of tests for all that promise the same."""
