"""What the gateway is measured against. Each is as its own documentation teaches, and says what it does not do."""
