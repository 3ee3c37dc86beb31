"""Which devices are there: listed from udev, and watched while they come and go."""
