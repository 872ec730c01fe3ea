"""config.json: loaded, checked, described."""
