"""What the file itself gives away: its container, its metadata, its thumbnail."""
