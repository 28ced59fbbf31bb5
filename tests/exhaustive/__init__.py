"""Every small pattern over every small stream: engines against the oracle."""
