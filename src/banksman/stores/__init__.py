"""Databases behind the store port."""
