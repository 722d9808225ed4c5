"""How well the perceptual fingerprint tells the same picture from another."""
