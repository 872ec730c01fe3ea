"""This runtime against every installed peer, interleaved."""
