"""Traces that JPEG compression leaves, once or twice."""
