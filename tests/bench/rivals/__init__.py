"""The same answers by other means, each a server of its own."""
