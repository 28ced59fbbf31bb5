"""What must change nothing: properties over random rules and streams, on every engine."""
