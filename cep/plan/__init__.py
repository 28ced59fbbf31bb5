"""What is sought, without sugar, and the automaton that seeks it."""
