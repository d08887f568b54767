"""Settings of ``wireverdict stream``. Values only, so that everything can read them without Faust."""

from __future__ import annotations

import msgspec


class StreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The worker between the headers topic and the verdicts topic."""

    group: str = "stream"
    """consumer group, after bus.prefix and a dash. Workers with the same group share the partitions."""
    checkpoint_interval: float = 10.0
    """s between snapshots of a partition's state. After a crash as much is read again; each costs a second per million
    open connections."""
    checkpoint_chunk: int = 524_288
    """bytes of a snapshot in one message: well below the usual limit of 1 MB."""
    session_timeout: float = 15.0
    """s without a heartbeat after which the brokers give a worker's partitions to others. A worker that comes back
    sooner under its own name gets them back at once."""
    buffer: int = 64
    """messages that wait for each agent, in all partitions together; each holds up to 8,192 headers, in some 100 kB."""
    threads: int = 2
    """partitions of the headers topic that one worker tracks at the same time."""
    max_future: float = 3_600.0
    """s that packets may be ahead of the time at which the broker took them; further ahead, a sensor's clock is wrong
    and would close every window: such a batch is a dead letter."""
    max_bad: int = 100
    """messages that cannot be used, among the last `bad_window` of a partition, before the worker stops: then something
    is wrong that nobody should skip over."""
    bad_window: int = 1_000
    """messages of a partition that `max_bad` looks at."""
    stall: float = 60.0
    """s with messages to read and none taken, after which a worker ends itself to be started anew."""
    shutdown: float = 30.0
    """s that a worker takes to stop at most; what matters is durable by then, or will be read again."""
    restart_delay: float = 1.0
    """s before a worker that died is started again; doubled each time that it dies early, up to a minute."""
    silence: float = 0.0
    """s that a sensor's clock may be behind the latest of all sensors until it is called silent; 0: never. Only for
    sensors that run all the time."""
    locate: int = 200_000
    """TCP packets, of pairs of addresses that several sensors see, that a partition keeps at most to tell where segments were
    lost, in the evidence of verdicts; 0: it tells nothing. 64 bytes each, as they come; what is settled is not kept."""
    metrics_port: int = 0
    """TCP port of Prometheus metrics of the first worker (the next ones count up); 0: none."""
    metrics_address: str = "127.0.0.1"
    """address at which metrics are served."""

    def __post_init__(self) -> None:
        if min(self.checkpoint_interval, self.session_timeout, self.stall, self.shutdown, self.restart_delay) <= 0:
            raise ValueError("the times in the section stream must be more than 0 s")
        if self.metrics_port > 65_535:
            raise ValueError("stream.metrics_port must be a TCP port, at most 65535")
        if not 1_024 <= self.checkpoint_chunk <= 900_000:
            raise ValueError("stream.checkpoint_chunk must be between 1024 and 900000 bytes, to fit into a message")
        if not 1 <= self.max_bad <= self.bad_window:
            raise ValueError("stream.max_bad must be at least 1 and at most stream.bad_window")
        if self.buffer < 1 or self.threads < 1:
            raise ValueError("stream.buffer and stream.threads must be at least 1")
        if self.locate < 0:
            raise ValueError("stream.locate must not be negative")
        if self.max_future < 0 or self.silence < 0:
            raise ValueError("stream.max_future and stream.silence must not be negative")
