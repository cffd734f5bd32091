"""The routes of sound: texts spoken, recordings heard, voices."""
