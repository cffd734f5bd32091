"""Names for what a session makes."""

from __future__ import annotations

from uuid import uuid4

LONGEST = 32
"""Characters of an item's id, as at OpenAI."""


def new_id(kind: str) -> str:
    """Such as `item_5f0c...`: 96 random bits behind `kind`, at most LONGEST characters for the kinds that there are."""
    return f"{kind}_{uuid4().hex[:24]}"
