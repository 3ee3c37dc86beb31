"""The root of every error Salon raises on purpose; its message is written for people and names the remedy."""


class SalonError(Exception):
    """Something went wrong that a person can understand and act on."""


class StartAgain(Exception):
    """No error: the program ends in order to be started anew at once, such as with other settings."""
