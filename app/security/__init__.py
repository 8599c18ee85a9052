"""SECURITY: passwords, tokens, cookies, CSRF, the front door. Values come in; no database here."""
