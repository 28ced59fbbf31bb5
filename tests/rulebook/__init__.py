"""Rule files: what is taken from them, and what is said against them."""
