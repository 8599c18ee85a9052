"""English: second factor, keys of exchange accounts, withdrawal addresses."""

TEXTS: dict[str, str] = {
    "title": "Security",
    "factor": "Second factor",
    "factor.small": "a code of your telephone beside the password",
    "factor.none": "Not set up",
    "factor.none.detail": (
        "Arming LIVE and changing withdrawal addresses need it; once it is there, new keys and "
        "tokens need it too."
    ),
    "factor.begin": "Set up",
    "factor.type": "Type this secret into your authenticator, then its code below.",
    "factor.secret": "Secret",
    "factor.open": "Open in an authenticator on this device",
    "factor.confirm": "Confirm",
    "factor.codes": "Recovery codes: each is good once, and nobody shows them again.",
    "factor.codes.note": "Keep them where the telephone is not. They do not arm LIVE.",
    "factor.since": "In force since",
    "factor.left": "Recovery codes left",
    "factor.change": "Another telephone",
    "factor.again": "Set up anew",
    "factor.remove": "Remove",
    "code": "Code",
    "code.note": "six digits, or a recovery code",
    "credentials": "Exchange keys",
    "credentials.small": "sealed with the master key; they go in and never come out",
    "credentials.note": (
        "Give trade and withdrawal rights only where they are needed, and pin the keys to this "
        "machine’s address at the exchange. What the environment gives wins."
    ),
    "venue": "Exchange",
    "access": "Access key",
    "secret": "Secret key",
    "secret.note": "Coinbase: the whole private key with its BEGIN and END lines",
    "passphrase": "Passphrase",
    "with_passphrase": "with passphrase",
    "none": "no keys",
    "shut": "does not open",
    "environment": "by the environment",
    "set": "Set keys",
    "forget": "Forget these keys",
    "addresses": "Withdrawal addresses",
    "addresses.small": "where LIVE may send coins; a new one counts after 24 hours",
    "addresses.none": "No address yet",
    "addresses.none.detail": "LIVE withdraws nothing before one stands here for a day.",
    "addresses.note": (
        "In the moment of sending the address must also be the one that the receiving exchange "
        "names itself, tag included. The list is sealed: a change from outside stops withdrawals."
    ),
    "receiver": "Receiver",
    "asset": "Coin",
    "network": "Network",
    "network.note": "as the receiving exchange spells it",
    "address": "Address",
    "tag": "Tag or memo",
    "tag.note": "where the coin has one; without it the coins are lost",
    "state": "State",
    "active": "active",
    "waits": "waits until",
    "address.change": "Change the list",
    "address.add": "Allow from tomorrow on",
    "address.remove": "Forbid at once",
}
