"""Where Assay keeps what a person set up: identities to sign with, lists to trust."""

import os
from pathlib import Path

import platformdirs


def config_folder() -> Path:
    """``ASSAY_CONFIG_DIR``, or the platform's folder for that."""
    named = os.environ.get("ASSAY_CONFIG_DIR")
    return Path(named) if named else platformdirs.user_config_path("assay", appauthor=False)


__all__ = ["config_folder"]
