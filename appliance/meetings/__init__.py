"""Meeting servers the room can join, one provider a file."""
