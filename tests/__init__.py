"""What cep promises, as tests: a folder for each layer of proof."""
