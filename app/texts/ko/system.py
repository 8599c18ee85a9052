"""Korean: texts of system."""

TEXTS: dict[str, str] = {}
