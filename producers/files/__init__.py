"""Readers of capture files: pcap, pcapng and snoop, plain or compressed, from disk or from a stream."""
