"""Voices: one module each, and the only place that knows its package."""
