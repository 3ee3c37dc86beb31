"""What a room tells its fleet over MQTT."""
