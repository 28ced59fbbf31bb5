"""The documents hold what they promise: their examples run, and nothing is left out of them."""
