"""Matchers: they step a plan's automaton over events and give matches."""
