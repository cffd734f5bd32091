"""Trains the demo model: a small Ola for a small world, by the paper's progressive modality alignment (section 3.4)."""
