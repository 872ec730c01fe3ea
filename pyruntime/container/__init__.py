"""A container's life: its record, its status, and what is done to it."""
