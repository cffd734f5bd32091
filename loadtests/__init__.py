"""Measurements of a running server. They know it by the wire only; `plain.py` alone looks behind it."""
