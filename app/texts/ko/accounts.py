"""Korean: texts of accounts."""

TEXTS: dict[str, str] = {}
