"""The gateway: HTTP, media, and the hand-over of finished sentences to a voice."""
