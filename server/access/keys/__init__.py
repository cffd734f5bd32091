"""Who may use the server: keys, where they are kept, and how one is shown."""
