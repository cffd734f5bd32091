"""Voice conversations over OpenAI's Realtime API: `session` is the core, `connection` one way to it."""
