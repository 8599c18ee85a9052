"""FILES → COLUMNS: detect, decode, parse and check uploaded history; store it column by column."""
