"""Process trees that outlive the engine."""
