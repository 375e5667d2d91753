"""Starting runs, waiting for them, and telling them what to do."""
