"""What the end-to-end tests share: a broker, a subscriber, a site with a gateway, its ledger, and waiting."""
