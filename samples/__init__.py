"""Sample events of a small bank, with planted fraud cases, and the generator that writes them."""
