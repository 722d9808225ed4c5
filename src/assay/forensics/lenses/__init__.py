"""Views that only show and never judge."""
