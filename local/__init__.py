"""The whole product on one machine: the real template on a local AWS emulator."""
