"""Conformance suites, fakes and the simulation, for plug-in authors and for us."""
