"""The calendars of a room: sources, the agenda made of them, and the join links in them."""
