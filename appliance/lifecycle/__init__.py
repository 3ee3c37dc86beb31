"""Pure rules of a meeting's life: when to join, count down and leave."""
