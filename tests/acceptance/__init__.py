"""The acceptance of real hardware: walks a person with a Raspberry Pi or mini-PC through one check after another."""
