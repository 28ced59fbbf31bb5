"""A worker, Kafka and Redis in one process, driven by a seed: every way to die, and what comes of it."""
