"""Tests of `tts`."""
