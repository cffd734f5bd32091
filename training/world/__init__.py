"""The small world that the demo model knows: its words, pictures, clips, sounds and sentences. Knows no model."""
