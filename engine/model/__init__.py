"""Ola's encoders and projectors in plain PyTorch: without vLLM, so that training and parity tests run the same code."""
