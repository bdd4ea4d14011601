"""The pure domain: values and functions, no I/O."""
