"""What a key may use: requests, connections, bytes in and sound out, counted in one process or for all over Redis."""
