"""Figures, traces, log lines, alerts."""
