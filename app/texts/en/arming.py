"""English: arming LIVE."""

TEXTS: dict[str, str] = {
    "title": "Arm LIVE",
    "small": "real orders, real money",
    "not_live": "There is nothing to arm",
    "not_live.detail": "kimp runs in {mode}. Start it with KIMP_MODE=live.",
    "armed": "Armed",
    "until": "until",
    "disarm": "Disarm now",
    "killed": "The kill switch is on",
    "killed.detail": "Let go of it on the Risk page first, by HALTED.",
    "no_factor": "A second factor is needed",
    "no_factor.detail": "Arming takes your password and a code of your telephone.",
    "step_ticket": "Who you are, once more",
    "show": "Show what arming would mean",
    "step_phrase": "Say it",
    "daily_loss": "Loss at which the day ends",
    "size": "Size of a cycle",
    "total": "At most in cycles",
    "venues": "Exchanges",
    "venues.none": "none: no keys, or feeds are not live",
    "over": "This ticket ends at",
    "type": "Type {phrase}",
    "hours": "For",
    "hours.n": "{n} h",
    "arm": "Arm: real money…",
    "note": (
        "It ends after its time, with a kill and with every restart. Armed is not started: cycles "
        "begin when the state is ACTIVE too. Disarmed, cancels and questions go on."
    ),
    "addresses.small": "dim ones wait for their first day",
    "addresses.none": "Nothing will be withdrawn.",
    "balances": "Balances",
    "balances.small": "what the ledger has, by exchange",
    "balances.none": "No balances yet",
    "available": "Available",
}
