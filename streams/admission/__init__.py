"""What admission checks and resolves before a run may begin."""
