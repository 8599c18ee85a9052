"""PORTS: who answers when trading asks a venue: arithmetic on paper, or the venue itself."""
