"""The sockets and the clients behind them: bytes in, messages out, and what each client subscribed to."""
