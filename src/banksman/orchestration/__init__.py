"""The loop that runs a plan: schedule, work, check, decide, integrate."""
