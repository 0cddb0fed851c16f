"""What can be traded: contracts of every kind, how a client's description finds them, and their rules."""
