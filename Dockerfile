# One image for all three roles: capture, stream and sink. Nothing in it runs as root for longer than opening a ring takes.
FROM python:3.12-slim-bookworm

# libpcap compiles filters; it captures nothing.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpcap0.8 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin wireverdict \
 && install -d -o wireverdict -m 755 /opt/wireverdict/kernels

WORKDIR /opt/wireverdict
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY wireverdict wireverdict
COPY producers producers
COPY streams streams
COPY sinks sinks
COPY config config
COPY demo demo

# The versions of the lock; its hashes cannot be asked for together with a directory.
RUN sed -n 's/^\([A-Za-z0-9_.-]*==[^ ]*\).*/\1/p' requirements/dev.txt > /tmp/constraints.txt \
 && pip install --no-cache-dir --constraint /tmp/constraints.txt ".[all]" \
 && rm /tmp/constraints.txt

USER 10001
ENV WIREVERDICT_KERNEL_CACHE=/opt/wireverdict/kernels \
    PYTHONUNBUFFERED=1
# Compile the kernels now and not at every start of a container. A verdict fires in the demo: status 1 is right.
RUN wireverdict analyze --json demo/dns-outage.pcap.gz > /dev/null || test $? -eq 1

ENTRYPOINT ["wireverdict"]
CMD ["--help"]
