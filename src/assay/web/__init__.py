"""The HTTP side of Assay: thin, over the rooms below."""
