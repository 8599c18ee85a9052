"""Korean: texts of settings."""

TEXTS: dict[str, str] = {}
