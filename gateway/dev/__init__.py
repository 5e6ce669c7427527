"""What `portcullis dev` starts besides the gateway itself."""
