"""pyruntime, an OCI runtime: Python decides, a small C executor executes.

This module loads nothing: every verb pays for what it imports.
"""

__version__ = "0.1.0"

SPEC_VERSION = "1.3.0"
"""The version of the OCI runtime specification that is implemented."""
