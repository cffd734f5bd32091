"""`ola talk`: a voice conversation over the Realtime API."""
