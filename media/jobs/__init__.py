"""The jobs: one file a kind of them."""
