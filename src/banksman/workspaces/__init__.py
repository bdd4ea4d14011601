"""Git: worktrees, captures, integration."""
