"""What each account holds and is worth: positions, cash, margin, profit and loss, advisors and models."""
