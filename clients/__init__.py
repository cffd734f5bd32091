"""Programs that use a server over the wire: the `ola` commands of a user, examples, and the web page."""
