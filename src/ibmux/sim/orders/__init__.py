"""The order desk and the floor: what is accepted, how it works, how it ends. Knows no client and no message."""
