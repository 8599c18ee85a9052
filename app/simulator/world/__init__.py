"""What is traded: coins, hidden paths, listings and their books. Knows no protocol."""
