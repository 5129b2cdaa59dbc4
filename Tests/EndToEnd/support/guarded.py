"""The broker of docs/broker.md, guarded by certificates and by its access rules."""

import re

from .authority import Requester
from .certificates import CertificateAuthority


class Guarded:
    """A broker with the rules and the settings as they stand in the document; only the paths and the port are others.

    `more`: settings beside them.
    """

    def __init__(self, top, folder, make_broker, more=""):
        self.folder = folder
        self.city = CertificateAuthority(folder / "keys")
        document = (top / "docs/broker.md").read_text()
        self.rules = re.search(r"```\n(# Every gateway: .*?)```", document, re.DOTALL)[1]
        settings = re.search(r"```\n(listener 8883\n.*?)```", document, re.DOTALL)[1]
        self.city.issue("broker", address="127.0.0.1")
        self.acl = folder / "acl"
        self.acl.write_text(self.rules)
        for named, real in {
                "listener 8883\n": "", "/etc/mosquitto/ca.pem": self.city.path,
                "/etc/mosquitto/broker.pem": folder / "keys/broker.pem",
                "/etc/mosquitto/broker.key": folder / "keys/broker.key", "/etc/mosquitto/acl": self.acl}.items():
            assert settings.count(named) == 1, named
            settings = settings.replace(named, str(real))
        # The broker of the tests says how it keeps its memory itself.
        self.broker = make_broker("guarded", settings=settings.replace("persistence true\n", "") + more).start()

    def files(self, name, **options):
        return (self.city.path, *self.city.issue(name, **options))

    def admit(self, site, **options):
        """Gives a site its certificate."""
        ca, certificate, key = self.files(site.name, **options)
        site.mqtt_table.update(port=self.broker.port)
        site.add("mqtt.tls", ca=ca, certificate=certificate, key=key)

    def requester(self, name):
        return Requester(self.broker.port, name, tls=self.files(name))

    def allow(self, rules):
        """Other rules from now on."""
        self.acl.write_text(rules)
        self.broker.reload()
        # Whom it lets in now, it lets in by the new rules: it does one thing after the other.
        newcomer = self.requester("newcomer")
        newcomer.listen("nowhere")
        newcomer.close()
