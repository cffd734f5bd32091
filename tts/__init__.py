"""Speech out: sentences, voices and encoders. Knows nothing of the server or the engine."""
