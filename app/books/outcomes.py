"""Outcomes: what a scanner of raw frames answers. A row (0 or more) is a book that changed."""

OTHER = -1
"""Not a plain change of a valid book: to be read slowly, and that is as it should be."""
UNKNOWN = -2
"""Not laid out as the scanner expects: to be read slowly, and counted."""
SAME = -3
"""Understood; older than the book, which stays as it is."""
BROKE = -16
"""BROKE - row: this book was valid and no longer knows its best levels."""
