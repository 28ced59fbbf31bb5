"""A real Kafka and a real Redis on this machine, and a show of the live worker on them."""
