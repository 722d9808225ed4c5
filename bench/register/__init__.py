"""How fast the register is, how much it holds, and what many clients at once do to it."""
