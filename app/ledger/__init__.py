"""MEMORY: the only room that knows SQLAlchemy. Plain functions of a Connection, one Database."""
