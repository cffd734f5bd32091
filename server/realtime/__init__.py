"""Voice in both directions over one WebSocket, with the events of OpenAI's Realtime API."""
