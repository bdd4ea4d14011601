"""The one reader of files, environment and flags."""
