"""The engine that keeps spans in ClickHouse: chDB in this process, ClickHouse's own code in a wheel."""
