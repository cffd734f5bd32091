"""Trains the demo model, a small Ola for a small world, by progressive modality alignment (arXiv 2502.04328)."""
