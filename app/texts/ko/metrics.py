"""Korean: texts of metrics."""

TEXTS: dict[str, str] = {}
