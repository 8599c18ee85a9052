"""What is known of the market: rates, identities, wallets, fees, health of channels, universe."""
