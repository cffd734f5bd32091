"""`ola doctor`: what a server would need, looked at before one is started."""
