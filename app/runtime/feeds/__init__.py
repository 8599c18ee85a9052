"""FEEDS: sockets, polls and the demo market; what arrives becomes events, commands are done."""
