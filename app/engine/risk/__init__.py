"""Risk: what may become a cycle: limits, breakers, and the one who judges by them."""
