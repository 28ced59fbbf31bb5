"""The pattern language: what it reads, what it prints, and what it says against a text."""
