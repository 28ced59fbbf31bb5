"""What comes in and goes out: files of every format, packed or not, good and bad."""
