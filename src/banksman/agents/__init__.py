"""Adapters that let a program work on a brief."""
