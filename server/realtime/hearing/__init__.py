"""Sound in: from a client's bytes to the turns of whoever speaks. Knows no socket and no event of the protocol."""
