"""Connection tracking: headers in, a note on each of them out, and a record of every connection that ends."""
