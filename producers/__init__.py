"""Edges that bring frames in: capture files, standard input, live capture; and libpcap's filter."""
