"""The road's far end: what is known of a backend and how one request of it is answered."""
