"""A model server that says what a script has it say: real agents run against it, offline."""
