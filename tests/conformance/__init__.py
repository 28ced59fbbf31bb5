"""Cases that other engines settled, in one neutral format, run as rules of ours."""
