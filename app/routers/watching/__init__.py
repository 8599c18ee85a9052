"""WATCHING: live rows of the market as pages show them: figures, drawings, order."""
