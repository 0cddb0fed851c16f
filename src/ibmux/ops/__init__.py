"""Operations: what people and machines that run the proxy see of it. Metrics, health, logs; decides nothing."""
