"""The detector driven by files."""
