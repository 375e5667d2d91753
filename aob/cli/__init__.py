"""The aob command."""
