"""What the tests in real Chromium stand on; they run with `make test-web`."""
