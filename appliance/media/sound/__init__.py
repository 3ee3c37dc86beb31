"""The room's sound between the devices and the network: echo, noise, direction and voice, 10 ms at a time.

`SoundChain` is the one door. Everything here is synchronous numerics at 48 kHz; threads and devices are its caller's.
"""
