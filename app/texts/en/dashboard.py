"""English: texts of dashboard."""

TEXTS: dict[str, str] = {}
