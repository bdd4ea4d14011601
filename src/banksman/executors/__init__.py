"""Trees of processes on this machine: Linux whole, macOS within limits, Windows through WSL."""
