"""The planner: a spec, options and facts in, an ordered list of steps out. Pure."""
