"""The kernel's calls and tables, one wrapper per call."""
