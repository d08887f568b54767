"""Where packets were lost, told by two sensors that both saw the connection.

`log` keeps what a sensor saw of each TCP segment, `clocks` finds how two sensors' clocks differ and which of them is
nearer to whom, `copies` follows each transmission from the one to the other, `locate` puts the three together, and
`evidence` says it in verdicts. In the stream, `gate` finds packets of pairs that several sensors see, `table` holds them,
`arrange`, `scan`, `order` and `trace` compare what is new, and `recent` says what a window lost. docs/loss-location.md has
the rules. Pure.
"""
