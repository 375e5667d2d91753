"""Which licences the installed Python packages have: a child run for each letter, an aggregate, a wait."""
