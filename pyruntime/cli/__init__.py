"""The command line: two gears, one table."""
