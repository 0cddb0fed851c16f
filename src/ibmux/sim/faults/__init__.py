"""What goes wrong, on demand: one table of verbs, scenarios made of them, and a forwarder in front."""
