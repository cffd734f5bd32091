"""Voices in other processes and on other machines: `ola tts-worker`, and the gateway's end of it."""
