"""Where sessions are kept, so that a conversation survives its connection and the process that held it."""
