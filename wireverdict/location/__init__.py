"""Where packets were lost, told by two sensors that both saw the connection.

`log` keeps what a sensor saw of each TCP segment, `clocks` finds how two sensors' clocks differ and which of them is
nearer to whom, `copies` follows each transmission from the one to the other, `locate` puts the three together, and
`evidence` says it in verdicts. docs/loss-location.md has the rules. Pure.
"""
