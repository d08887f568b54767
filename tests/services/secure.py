"""A broker that wants to know who asks: SASL (PLAIN and SCRAM-SHA-256), ACLs, and TLS."""

from __future__ import annotations

import subprocess
from pathlib import Path

from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from tests.services.kafka import KafkaServer
from tests.services.places import free_port
from wireverdict.bus import BusSettings, librdkafka

ADMIN, PASSWORD = "admin", "admin-secret"
USER, USER_PASSWORD = "alice", "alice-secret"
"""She logs in with either mechanism and may do nothing until an ACL says so."""
MODULE = "org.apache.kafka.common.security"


def certificate(directory: Path) -> None:
    """broker.p12 with a key for 127.0.0.1 and a certificate that signs itself; ca.pem for clients."""
    keytool = ["keytool", "-keystore", str(directory / "broker.p12"), "-storetype", "PKCS12", "-storepass", PASSWORD]
    make = ["-genkeypair", "-alias", "broker", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=127.0.0.1"]
    extensions = ["-validity", "30", "-ext", "SAN=IP:127.0.0.1", "-ext", "BC=ca:true"]
    subprocess.run([*keytool, *make, *extensions], capture_output=True, check=True)
    exported = subprocess.run([*keytool, "-exportcert", "-rfc", "-alias", "broker"], capture_output=True, check=True)
    (directory / "ca.pem").write_bytes(exported.stdout)


class SecureKafka(KafkaServer):
    """One broker with one listener for clients, of that protocol."""

    def __init__(self, directory: Path, protocol: str = "SASL_SSL") -> None:
        self.protocol = protocol
        port, controller = free_port(), free_port()
        listener = f"listener.name.{protocol.lower()}"
        users = f'user_{ADMIN}="{PASSWORD}" user_{USER}="{USER_PASSWORD}"'
        login = f'required username="{ADMIN}" password="{PASSWORD}"'
        settings = {
            "listeners": f"{protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "advertised.listeners": f"{protocol}://127.0.0.1:{port}",
            "inter.broker.listener.name": protocol,
            "listener.security.protocol.map": f"{protocol}:{protocol},CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            f"{listener}.plain.sasl.jaas.config": f"{MODULE}.plain.PlainLoginModule {login} {users};",
            f"{listener}.scram-sha-256.sasl.jaas.config": f"{MODULE}.scram.ScramLoginModule {login};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:ANONYMOUS",  # the controller's listener knows no names
        }
        if protocol == "SASL_SSL":
            certificate(directory)
            settings |= {
                f"{listener}.ssl.keystore.type": "PKCS12",
                f"{listener}.ssl.keystore.location": str(directory / "broker.p12"),
                f"{listener}.ssl.keystore.password": PASSWORD,
                f"{listener}.ssl.truststore.type": "PEM",
                f"{listener}.ssl.truststore.location": str(directory / "ca.pem"),
            }
        super().__init__(directory, settings, port)

    def start(self) -> None:
        """With the user's SCRAM credentials."""
        super().start()
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        wanted = UserScramCredentialUpsertion(USER, scram, USER_PASSWORD.encode())
        admin = self.admin()  # what it promises is broken when it is collected
        for done in admin.alter_user_scram_credentials([wanted]).values():
            done.result()

    def settings(
        self, user: str = ADMIN, password: str = PASSWORD, mechanism: str = "PLAIN", prefix: str = "wireverdict"
    ) -> BusSettings:
        """For a client that logs in."""
        return BusSettings(
            servers=self.address,
            prefix=prefix,
            partitions=2,
            security_protocol=self.protocol,
            sasl_mechanism=mechanism,
            sasl_username=user,
            sasl_password=password,
            ca_file=str(self.directory / "ca.pem") if self.protocol == "SASL_SSL" else "",
        )

    def admin(self) -> AdminClient:
        """May do everything."""
        return AdminClient(librdkafka(self.settings()))
