"""Content Credentials: read, sign, trust, certificates, timestamps, watermark, recovery.

The only room that imports c2pa.
"""
