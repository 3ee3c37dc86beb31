"""Buttons, lights, sensors and relays on single wires: a Raspberry Pi's header, any other gpiochip, or simulated."""
