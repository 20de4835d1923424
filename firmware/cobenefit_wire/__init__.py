"""The wire: packs, topics, units and messages, shared by node and gateway."""
