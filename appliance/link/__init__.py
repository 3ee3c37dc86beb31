"""How the room's programs talk: newline JSON over Unix sockets, and the frame ring."""
