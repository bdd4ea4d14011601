"""Prices, routes and labels for a small parcel service."""

__version__ = "0.4.0"
