"""TRADING: the session that plays events into the engine, and what carries out its commands."""
