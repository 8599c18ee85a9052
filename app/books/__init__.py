"""LADDERS, pure: order books as arrays, and when a message belongs to one. Knows no venue."""
