"""The only writer of durable state."""
