"""All checks, in the order in which a person does them: what needs no hands first, what cuts the power last."""

from acceptance.check import Check
from acceptance.checks import board, cameras, light, microphones, mute, panel, running, sharing, sound, tv, wires

CHECKS: tuple[Check, ...] = (
    board.identified,
    cameras.usb_camera,
    cameras.usb_picture,
    cameras.unplugged,
    cameras.two_cameras,
    cameras.pi_camera,
    sharing.hdmi_stick,
    microphones.channels,
    microphones.direction,
    sound.sound_check,
    sound.echo_reduction,
    mute.button,
    mute.line_cut,
    light.colours,
    light.killed,
    wires.motion,
    wires.relay,
    tv.cec,
    tv.replugged,
    panel.touch_panel,
    running.demo_call,
    running.boot_time,
    running.power_cut,
)
