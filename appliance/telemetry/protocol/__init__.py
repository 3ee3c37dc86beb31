"""The room's language on MQTT: topics, payloads and their limits. Room and fleet share it; it touches nothing."""
