"""What Datadog's tracers send to their agent: traces as MessagePack."""
