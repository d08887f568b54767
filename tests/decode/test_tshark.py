"""Every frame of every open capture against tshark's fields. What differs and why: docs/differences.md, "Decoding"."""

from __future__ import annotations

import ipaddress
import os
import re
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.decode.comparing import as_dicts, joined
from wireverdict import headers as h
from wireverdict.decode import Decoder, DecodeSettings
from wireverdict.frames import FrameBatch

ROOT = Path(__file__).resolve().parents[2]
FIELDS = [
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "ip.ttl",
    "ipv6.hlim",
    "ip.dsfield",
    "ipv6.tclass",
    "ip.frag_offset",
    "ipv6.fraghdr.offset",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq",
    "tcp.ack",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.len",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
    "udp.srcport",
    "udp.dstport",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
    "icmpv6.code",
    "dns.id",
    "dns.flags",
    "dns.qry.name",
    "dns.qry.type",
]
PREFERENCES = [
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
]

LINKS = (0, 1, 8, 9, 10, 12, 50, 100, 101, 104, 105, 107, 113, 127, 129, 178, 192, 226, 228, 229, 239, 242, 258, 276)

# By the name of the reason in docs/differences.md: what differs (beginnings of fields), and in which captures
EXPLAINED: dict[str, tuple[tuple[str, ...], str]] = {
    "dns-without-length": (("dns.",), """
        DNS-OARC_dnscap/dnso1tcp-bighole.pcap DNS-OARC_dnscap/dnso1tcp-midmiss.pcap DNS-OARC_dnscap/dnso1tcp.pcap
        DNS-OARC_dnscap/do1t-nosyn-1nolen.pcap chrissanders_packets/dns_axfr.pcapng chrissanders_packets/dns_tcp.pcapng
        """),
    "not-dns": (("dns",), """
        DNS-OARC_dnscap/dnsotcp-manyopkts.pcap OISF_suricata-verify/dns-udp-junkrequest-first__input.pcap
        OISF_suricata-verify/uricontent__detect-uricontent-02__input.pcap
        OISF_suricata-verify/uricontent__detect-uricontent-04__input.pcap
        OISF_suricata-verify/uricontent__detect-uricontent-05__input.pcap
        OISF_suricata-verify/uricontent__detect-uricontent-06__input.pcap
        OISF_suricata-verify/uricontent__detect-uricontent-07__input.pcap ntop_nDPI/portable_executable.pcap
        seladb_PcapPlusPlus/Packet++Test__PacketExamples__DnsTooManyResources.pcap
        the-tcpdump-group_tcpdump/dns-badlabel.pcap the-tcpdump-group_tcpdump/rtp-seg-fault-1.pcapng
        ntop_nDPI/fuzz-2006-06-26-2594.pcap arkime_arkime/arkime_synthetic.pcap
        """),
    "dns-escapes": (("dns.qry.name",), "ntop_nDPI/fuzz-2006-06-26-2594.pcap"),
    "ip-length": (("tcp.len",), """
        OISF_suricata-verify/bug-76__input.pcap blitz_tcptrace/fast_reuse.dmp.gz ntop_nDPI/fuzz-2006-09-29-28586.pcap
        ntop_nDPI/ndpi_match_string_subprotocol__error.pcapng ntop_nDPI/telnet.pcap zeek_zeek/modbus__fuzz-72.pcap
        zeek_zeek/tcp__reassembly.pcap ntop_nDPI/reasm_crash_anon.pcapng ntop_nDPI/fuzz-2006-06-26-2594.pcap
        ntop_nDPI/tls_invalid_reads.pcap zeek_zeek/erspan.pcap zeek_zeek/tunnels__gtp__gtp_ext_header.pcap
        zeek_zeek/tunnels__gtp__gtp1_gn_normal_incl_fragmentation.pcap
        """),
    "window-scale": (("tcp.options.wscale.shift",), "ntop_nDPI/tls_invalid_reads.pcap"),
    "mapped": (("ipv6.src", "ipv6.dst"), "OISF_suricata-verify/detect-bytetest-02__input.pcap"),
    "source-route": (("ip.dst",), "seladb_PcapPlusPlus/Packet++Test__PacketExamples__ipv4-options.pcap"),
    "other-shims": (("row",), """
        arkime_arkime/arkime_synthetic.pcap the-tcpdump-group_tcpdump/arista_ether.pcap
        the-tcpdump-group_tcpdump/icmp-rfc8335-missing-bytes.pcap the-tcpdump-group_tcpdump/macsec-integonly.pcap
        the-tcpdump-group_tcpdump/macsec-short-longer.pcap the-tcpdump-group_tcpdump/macsec-short-shorter.pcap
        the-tcpdump-group_tcpdump/macsec-short-valid.pcap the-tcpdump-group_tcpdump/nsh.pcap
        """),
    "broken-header": (("row",), """
        the-tcpdump-group_tcpdump/ipv6_frag6_negative_len.pcap the-tcpdump-group_tcpdump/ipv6_invalid_length.pcap
        """),
    "other-tunnels": (("ip.", "udp."), """
        arkime_arkime/arkime_synthetic.pcap seladb_PcapPlusPlus/ExamplesTest__pcap_examples__ipv6.dmp
        seladb_PcapPlusPlus/ExamplesTest__pcap_examples__ipv6.pcapng the-tcpdump-group_libpcap/AH-IPcomp-IPv4.pcap
        the-tcpdump-group_tcpdump/various_gre.pcap zeek_zeek/tunnels__gre-aruba-amsdu.pcap
        zeek_zeek/tunnels__ayiya-large-identity.pcap
        """),
    "addresses-in-payload": (("ip.",), """
        zeek_zeek/tunnels__gtp__gtp_control_prime.pcap zeek_zeek/tunnels__gtp__pdp_ctx_messages.pcapng
        the-tcpdump-group_tcpdump/sflow_expanded.pcap
        """),
    "super-packets": (("ip.", "ipv6.", "tcp.", "udp."), """
        the-tcpdump-group_tcpdump/bigtcp-ipv4-geneve-ipv4.pcap the-tcpdump-group_tcpdump/bigtcp-ipv4-geneve-ipv6.pcap
        the-tcpdump-group_tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap the-tcpdump-group_tcpdump/bigtcp-ipv6-geneve-ipv4.pcap
        the-tcpdump-group_tcpdump/bigtcp-ipv6-geneve-ipv6.pcap the-tcpdump-group_tcpdump/bigtcp-ipv6-vxlan-ipv4.pcap
        the-tcpdump-group_tcpdump/bigtcp-ipv6-vxlan-ipv6.pcap the-tcpdump-group_tcpdump/bigtcp-ipv6.pcap
        """),
    "linux-vxlan-port": (("ip.", "icmp."), "the-tcpdump-group_tcpdump/vxlan_port_8472.pcap"),
    "inner-must-fit": (("ipv6.",), """
        zeek_zeek/trunc__mpls-6in6-6in6-4in6-trunc.pcap
        zeek_zeek/tunnels__mpls-6in6-6in6-4in6-invalid-version-4.pcap
        """),
    "fabric-path-fcs": (("ipv6.dst", "tcp.len"), "zeek_zeek/cisco-fabric-path.pcap"),
    "version-nibble": (("ip.", "udp.", "dns."), "the-tcpdump-group_tcpdump/LINKTYPE_IPV6_invalid.pcap"),
}  # fmt: skip


def fields_of(batch: FrameBatch, link: int, folder: Path) -> list[dict[str, str]]:
    """tshark's fields for each frame; all occurrences of each."""
    path = folder / f"{link}.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for _, start, captured, length, *_ in batch.frames.tolist():
            file.write(struct.pack("<IIII", 0, 0, captured, max(length, captured)))
            file.write(batch.data[start : start + captured].tobytes())
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]
    for name in FIELDS:
        command += ["-e", name]
    for preference in PREFERENCES:
        command += ["-o", preference]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "HOME": str(folder)})
    lines = done.stdout.decode(errors="replace").split("\n")[:-1]
    rows = [line.split("\t") for line in lines]
    return [{name: cell for name, cell in zip(FIELDS, row, strict=True) if cell} for row in rows]


def text(hi: int, lo: int) -> str:
    value = hi << 64 | lo
    mapped = value >> 32 == 0xFFFF
    return str(ipaddress.IPv4Address(value & 0xFFFFFFFF) if mapped else ipaddress.IPv6Address(value))


def expected(row: dict[str, int], name: bytes) -> dict[str, Any]:
    """What tshark should show for a row."""
    get = row.get
    present, protocol, six = get("present", 0), get("protocol", 0), bool(get("present", 0) & h.IPV6)
    ip = "ipv6" if six else "ip"
    want: dict[str, Any] = {
        f"{ip}.src": text(get("src_hi", 0), get("src_lo", 0)),
        f"{ip}.dst": text(get("dst_hi", 0), get("dst_lo", 0)),
        "ipv6.hlim" if six else "ip.ttl": get("ttl", 0),
        "ipv6.tclass" if six else "ip.dsfield": get("tos", 0),
    }
    if protocol == h.TCP and present & h.TCP_HEADER:
        want |= {"tcp.srcport": get("sport", 0), "tcp.dstport": get("dport", 0)}
        want |= {"tcp.seq": get("seq", 0), "tcp.ack": get("ack", 0), "tcp.flags": get("tcp_flags", 0)}
        want |= {"tcp.window_size_value": get("window", 0)}
        if not present & h.FIRST_FRAGMENT:
            want["tcp.len"] = get("payload_length", 0)
        if present & h.TIMESTAMPS:
            want |= {"tcp.options.timestamp.tsval": get("tsval", 0), "tcp.options.timestamp.tsecr": get("tsecr", 0)}
        if present & h.MSS:
            want["tcp.options.mss_val"] = get("mss", 0)
        if present & h.WINDOW_SCALE:
            want["tcp.options.wscale.shift"] = get("wscale", 0)
        if present & h.SACK1:
            want |= {"tcp.options.sack_le": get("sack1_left", 0), "tcp.options.sack_re": get("sack1_right", 0)}
    if protocol == h.UDP and present & h.PORTS:
        want |= {"udp.srcport": get("sport", 0), "udp.dstport": get("dport", 0)}
    if protocol in (h.ICMP, h.ICMP6) and "icmp_type" in row:
        kind = "icmp" if protocol == h.ICMP else "icmpv6"
        want |= {f"{kind}.type": row["icmp_type"], f"{kind}.code": get("icmp_code", 0)}
    if present & (h.DNS | h.MDNS):
        want |= {"dns.id": get("dns_id", 0), "dns.flags": get("dns_flags", 0)}
        if present & h.QUESTION:
            want |= {"dns.qry.name": name.decode(), "dns.qry.type": get("dns_qtype", 0)}
    return want


def shown_value(field: str, cell: str, tunnels: str, present: int) -> Any:
    """The occurrence of a field that `expected` is about, in its form."""
    if "|" in cell:
        last = tunnels == "inner" and not present & h.QUOTED and not field.startswith(("dns.", "tcp.options.sack"))
        cell = cell.split("|")[-1 if last else 0]
    if field == "dns.qry.name":
        return cell.lower().replace("<root>", "")
    return cell if field.endswith((".src", ".dst")) else int(cell, 0)


def numbered(batch: FrameBatch, tunnels: Any, chosen: list[int]) -> dict[int, tuple[dict[str, int], bytes]]:
    """Rows and names of some frames by their number."""
    frames = batch.frames[chosen]
    frames["ts"] = chosen
    got = Decoder(DecodeSettings(tunnels=tunnels)).decode(FrameBatch(batch.data, frames))
    return {ts: (row, name) for ts, row, name in as_dicts(got)}


def differing(shown: list[dict[str, str]], batch: FrameBatch) -> Iterator[tuple[int, str]]:
    """Frames and fields in which tshark says otherwise; of tunnels both the inner and the outer packet."""
    inner = numbered(batch, "inner", list(range(len(shown))))
    outer = numbered(batch, "outer", [i for i, (row, _) in inner.items() if row.get("present", 0) & h.TUNNEL])
    every = [(i, "inner", inner.get(i, ({}, b""))) for i in range(len(shown))]
    for i, tunnels, (row, name) in every + [(i, "outer", row) for i, row in outer.items()]:
        theirs = shown[i]
        if not row:
            offsets = f"{theirs.get('ip.frag_offset', 0)}|{theirs.get('ipv6.fraghdr.offset', 0)}".split("|")
            if ("ip.src" in theirs or "ipv6.src" in theirs) and not any(map(int, offsets)):
                yield i, "row"
            continue
        present = row.get("present", 0)
        if present & h.QUOTED and present & h.TUNNEL:
            continue  # neither tshark's first address nor its last is the one
        for field, value in expected(row, name).items():
            if field not in theirs or shown_value(field, theirs[field], tunnels, present) != value:
                yield i, field
        if "dns.id" in theirs and not present & (h.DNS | h.MDNS) and 53 in (row.get("sport"), row.get("dport")):
            yield i, "dns"


def test_tshark_sees_the_same_but_for_what_is_explained(tmp_path: Path) -> None:
    whole, origin = joined()
    found: dict[str, set[str]] = defaultdict(set)
    explained: set[tuple[str, str]] = set()
    compared = 0
    for link in LINKS:
        chosen = np.flatnonzero(whole.frames["link"] == link)
        batch = FrameBatch(whole.data, whole.frames[chosen])
        shown = fields_of(batch, link, tmp_path)
        assert len(shown) == len(chosen) > 0
        compared += len(chosen)
        for i, field in differing(shown, batch):
            found[origin[chosen[i]]].add(field)
    assert compared > 250_000
    unexplained = {(file, field) for file, fields in found.items() for field in fields}
    stale = set()
    for reason, (fields, files) in EXPLAINED.items():
        for file in files.split():
            covered = {pair for pair in unexplained | explained if pair[0] == file and pair[1].startswith(fields)}
            if not covered:
                stale.add((reason, file))
            explained |= covered
        unexplained -= explained
    assert unexplained == set()
    assert stale == set()
    documented = (ROOT / "docs" / "differences.md").read_text().partition("## Decoding")[2].partition("\n## ")[0]
    assert {f"`{reason}`" for reason in EXPLAINED} <= set(re.findall("`[a-z0-9-]+`", documented))
