"""WIRE: the one HTTP client, the one WebSocket client, and the list of hosts they may speak to."""
