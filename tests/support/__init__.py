"""What the tests with real containers are made of. Nothing here imports the package under test."""
