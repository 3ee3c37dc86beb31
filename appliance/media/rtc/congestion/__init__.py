"""How fast may we send? Pure: no clock, no I/O; times are integers of microseconds, rates are bits per second.

`Controller` is what a sender uses: rows of its send log go in, transport-wide feedback goes in, a target comes out.
`ArrivalLog` is what a receiver uses: numbers and arrival times go in, feedback comes out.
"""
