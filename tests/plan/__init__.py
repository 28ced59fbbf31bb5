"""Tests of the stages between the syntax tree and the engines."""
