"""Speed, measured beside peers in one run: python3 dev.py bench."""
