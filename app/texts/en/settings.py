"""English: texts of settings."""

TEXTS: dict[str, str] = {}
