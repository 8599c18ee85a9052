"""Mutants: bugs that others have shipped, planted into a copy of kimp. Each must be caught.

`python3 dev.py mutants N=36`: a green simulation says little until it is known what turns it red.
"""
