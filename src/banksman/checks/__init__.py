"""Questions asked of the evidence by real tools."""
