"""SessionHub, composed of siblings that share the parts assembled in assembly.py, and no more."""

from session_plugin.hub.hub import SessionHub
from session_plugin.hub.recording import Held, Recorded

__all__ = ["Held", "Recorded", "SessionHub"]
