"""A verdict in words: the rule, the numbers that decided, what would have changed it, what to check next.

Imports nothing heavy: it works on the JSON form of verdicts, whoever made them.
"""
