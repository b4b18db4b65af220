"""The pure core: what the fields mean, who is who, and what should change. No I/O and no clock."""
