"""The few functions that are written in C, how they are built and found; all works without them too."""
