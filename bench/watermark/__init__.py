"""The watermark, measured beside others on the same pictures."""
