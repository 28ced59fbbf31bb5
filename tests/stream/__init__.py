"""Event time, and rules over what it lets through."""
