"""Attachments of a chat request: from the bytes a client sent to the arrays an engine takes. Knows no model."""
