"""Korean: texts of dashboard."""

TEXTS: dict[str, str] = {}
