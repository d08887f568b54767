"""What makes headers say less about people: addresses behind Crypto-PAn, question names behind a keyed hash."""
