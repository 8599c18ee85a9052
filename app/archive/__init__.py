"""TIME SERIES: order books, trades and spreads in ClickHouse, by URL or embedded in a child."""
