"""The model and the engine that runs it. Knows nothing of HTTP, sessions or speech synthesis."""
