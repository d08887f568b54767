"""Headers of the past: captures, archives and topics as one kind of source, and the core run over them."""
