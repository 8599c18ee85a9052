"""English: texts of accounts."""

TEXTS: dict[str, str] = {}
