"""The TV set: what it is (EDID), whether it is plugged in (DRM), and its power (HDMI-CEC, or the compositor's DPMS)."""
