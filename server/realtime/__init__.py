"""The Realtime WebSocket: conversations by voice."""
