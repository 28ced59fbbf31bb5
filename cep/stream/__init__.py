"""Event time, rules, alerts, and the detector that joins them."""
