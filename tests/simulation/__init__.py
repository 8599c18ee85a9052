"""Deterministic simulation: the product's trading on virtual time, against simulated venues."""
