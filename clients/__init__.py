"""Programs for whoever talks with a server: `ola chat`, `talk`, `transcribe`, `speak`, `voices`, and the web page.

They know the wire only, the commands through OpenAI's own SDK: they work with any server of its API and show its use.
"""
