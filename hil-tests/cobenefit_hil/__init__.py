"""The hardware-in-the-loop rig: boards, peers, fixtures."""
