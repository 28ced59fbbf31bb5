"""What the commands print, how they leave, and what they never do."""
