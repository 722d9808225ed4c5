"""The register: a public, tamper-evident log of who claimed which picture, witnessed, mirrored and anchored.

Built to the specifications of C2SP: tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature, tlog-witness,
tlog-mirror, tlog-proof and tlog-policy.
"""
