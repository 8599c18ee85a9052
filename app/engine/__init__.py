"""DECISIONS, pure: events in; facts, commands and views out. Knows no venue's wire and no clock."""
