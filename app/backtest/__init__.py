"""COLUMNS → RESULTS, pure: the compiled kernel and everything that is read out of its runs."""
