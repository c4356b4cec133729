"""The coaching domain: tables, their invariants and transitions, pure rules. No HTTP, no S3, no ffmpeg."""
