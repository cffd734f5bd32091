"""Text normalization: the words that a voice should say for numbers, dates, prices, addresses and formulas."""
