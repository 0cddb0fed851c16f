"""Ways in: who asks, may they, which service answers."""
