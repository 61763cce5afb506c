"""What holds for every step in every situation, and for every way through the table."""
