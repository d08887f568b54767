"""Frames to header rows: see `Decoder`."""

from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.decode.home import HomeNets

__all__ = ["DecodeSettings", "Decoder", "HomeNets"]
