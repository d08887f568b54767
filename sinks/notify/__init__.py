"""What stands between verdicts and those who are woken by them: one outage is one page.

`core` decides: values in, values out, time given. `loop` is its edge: it reads verdicts and silences from Kafka, and writes
pages and what the core has to remember, in one transaction.
"""
