"""The pattern language: text to tree, tree to text, and everything that can be wrong with it."""
