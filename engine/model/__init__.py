"""Ola's encoders and projectors in plain PyTorch: no vLLM, so that training, parity tests and GPU benches use the same code."""
