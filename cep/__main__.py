"""`python -m cep` is the command `cep`."""

from cep.cli.start import main

main()
