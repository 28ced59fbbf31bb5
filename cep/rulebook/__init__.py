"""Rules and the project file as YAML."""
