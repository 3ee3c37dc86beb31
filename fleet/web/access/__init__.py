"""Who somebody is and what they may do: passwords, sessions, roles, tokens, sign-in elsewhere."""
