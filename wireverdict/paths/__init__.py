"""What paths do to packets: logs of transmissions and of load, and the judges of policing and bufferbloat."""
