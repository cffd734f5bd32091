"""Tests of the Realtime WebSocket."""
