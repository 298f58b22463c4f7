"""The engine that keeps spans in ClickHouse: a server that satellites share, or chDB in this process."""
