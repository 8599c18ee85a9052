"""Korean: texts of guide."""

TEXTS: dict[str, str] = {}
