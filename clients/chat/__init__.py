"""`ola chat`: a conversation in a terminal or a pipe."""
