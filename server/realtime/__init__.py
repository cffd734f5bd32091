"""The Realtime API: spoken conversations over one connection, in OpenAI's events."""
