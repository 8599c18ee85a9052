"""English: texts of system."""

TEXTS: dict[str, str] = {}
