"""Rules over event streams: patterns in order, in time and by key, for fraud and security teams."""

__version__ = "0.1.0"
