"""English: texts of metrics."""

TEXTS: dict[str, str] = {}
