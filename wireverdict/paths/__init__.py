"""What paths do to packets: logs of transmissions and of load, and the judges of policing and bufferbloat."""

from wireverdict.paths.paths import Paths
from wireverdict.paths.settings import PathSettings

__all__ = ["PathSettings", "Paths"]
