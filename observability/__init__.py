"""What happened: logs, traces, metrics, redaction, the audit vocabulary. Knows no other floor."""
