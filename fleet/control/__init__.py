"""What the console does by itself: alerts, jobs and their waves, settings, and telling rooms what is wanted of them."""
