"""Banksman runs a plan of coding tasks with agents, to merged and tested work."""

__version__ = "0.1.0"
