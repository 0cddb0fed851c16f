"""What a request means, one module per domain. Knows sessions and decisions; knows no door and no topic's reader."""
