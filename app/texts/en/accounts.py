"""English: sign-in and first run."""

TEXTS: dict[str, str] = {
    "name": "Name",
    "password": "Password",
    "password.note": "At least 12 characters. Any characters; a sentence is fine.",
    "sign_in": "Sign in",
    "login.note": "Lost the password? Whoever runs this machine can reset it; nobody else can.",
    "setup.title": "First run",
    "setup.small": "three short steps, then kimp is ready",
    "setup.code.title": "It is your machine",
    "setup.code": "Code",
    "setup.code.note": (
        "Printed in the log where kimp was started. Good once, for 15 minutes; loading this page "
        "prints a new one when it is over."
    ),
    "setup.you": "You",
    "setup.choices": "How you read it",
    "setup.updown": "Direction colours",
    "setup.capital": "Capital, KRW",
    "setup.capital.note": "What a backtest starts with unless you say otherwise.",
    "setup.go": "Start",
}
