"""The house rules as tests: limits, layers, names, docs. Each check is a function that gives findings."""
