"""The root of every error a caller of ours may want to handle; its text is written for the people in the room."""


class SalonError(Exception):
    """Something went wrong that a person can understand, and often remedy."""
