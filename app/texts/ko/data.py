"""Korean: texts of data."""

TEXTS: dict[str, str] = {}
