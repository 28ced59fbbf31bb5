"""What drives the detector: reading a file is the first."""
