"""What prices would do: wandering paths, shocks, the worth of options. Mathematics alone."""
