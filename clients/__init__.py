"""Programs for whoever talks with a server: `ola chat`, `talk`, `transcribe`, `speak`, `voices`. They know the wire
only, through OpenAI's own SDK, so that they work with any server of its API and show how one is used."""
