"""The part of the RTP engine that handles every packet, in C: one library without Python in it, librtp.so."""
