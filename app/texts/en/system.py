"""English: the system page."""

TEXTS: dict[str, str] = {
    "uptime": "up",
    "database": "database",
    "action.login": "sign-in",
    "action.logout": "sign-out",
    "action.setup": "first run",
    "action.password": "password change",
    "action.session_end": "session ended",
    "action.token_create": "token made",
    "action.token_revoke": "token revoked",
}
