"""Time in the simulated world: its clock, what is due when, and the hours and holidays of exchanges."""
