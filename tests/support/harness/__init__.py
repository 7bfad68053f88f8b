"""What the tests that need a running broker share: brokers under test, packages from registries, scenarios."""
