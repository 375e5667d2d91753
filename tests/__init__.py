"""The tests: unit, property, contract, integration, e2e."""
