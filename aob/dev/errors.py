class DevError(Exception):
    """Why the stack cannot start or go on, as a message for the person who started it."""
