"""Torture: the real service is killed at its worst moments, and the venues' books tell the truth.

`python3 dev.py torture KILLS=60 DB=sqlite`; a short run is part of the suite.
"""
