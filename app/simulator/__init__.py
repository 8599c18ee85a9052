"""WORLD: a seeded market that serves nine venues' wire protocols on loopback. Stands alone."""
