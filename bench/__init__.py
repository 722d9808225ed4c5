"""What is measured, on what, beside which peer. The results go to docs/figures."""
