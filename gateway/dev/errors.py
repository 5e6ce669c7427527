"""What can keep `portcullis dev` from starting."""


class DevFailed(Exception):
    """Something that `dev` starts did not start. The message says what to do about it."""
