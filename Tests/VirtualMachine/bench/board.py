"""The gateway as a service of the machine: configured in /etc, run by systemd, heard at a broker of the host."""

from support.account import Account, read_shown, read_verified
from support.ledger import Ledger
from support.site import Site
from support.waiting import wait_until

from .disk import DEVICE

UNIT = "mimamori-gateway.service"
CONFIGURATION = "/etc/mimamori/gateway.toml"
STATE = "/var/lib/mimamori"
ADJUSTMENT = f"/run/systemd/system/{UNIT}.d/test.conf"
COPY = "/run/copy.sqlite"
# The ledger as another program reads it while the gateway writes.
COPY_LEDGER = f"""
import os, sqlite3
if os.path.exists("{COPY}"): os.remove("{COPY}")
source = sqlite3.connect("file:{STATE}/ledger.sqlite?mode=ro", uri=True, timeout=20)
target = sqlite3.connect("{COPY}")
source.backup(target)
target.execute("PRAGMA journal_mode=DELETE").fetchall()
target.close()
"""


class Board:
    """Tables are added through `site`, as in the end-to-end tests; `start` and `stop` are systemd's."""

    def __init__(self, machine, folder, broker, name="field-001"):
        self.machine = machine
        self._adjustments = []
        self.site = Site("mimamori-gateway", folder, name)
        self.site.gateway_table["state"] = STATE
        # The host's loopback, from inside the machine.
        self.site.mqtt_table |= {"host": "10.0.2.2", "port": broker.port, "insecure": True}

    def topic(self, *parts):
        return self.site.topic(*parts)

    def write(self):
        self.machine.write(CONFIGURATION, self.site.write().read_text(), mode="0640")
        self.machine.run(f"chgrp mimamori {CONFIGURATION}")

    def adjust(self, settings):
        """Changes settings of the unit's [Service] section for this test alone."""
        self._adjustments.append(settings)
        self.machine.write(ADJUSTMENT, "\n".join(["[Service]", *self._adjustments, ""]))
        self.machine.run("systemctl daemon-reload")

    def start(self):
        """Returns when the gateway has told systemd that it is ready."""
        self.write()
        result = self.machine.run(f"systemctl start {UNIT}", check=False)
        assert result.status == 0, f"{result.error}\n{self.journal()}"
        return self

    def mount_state(self, source=DEVICE, options="", is_empty=True):
        """Puts the state folder onto a file system of its own, the state disk's if no other is named."""
        self.machine.run(
            f"mkdir -p {STATE} && mount {options} {source} {STATE} && chown mimamori: {STATE} && chmod 0700 {STATE}")
        if is_empty:
            self.machine.run(f"find {STATE} -mindepth 1 -delete")

    def stop(self):
        self.machine.run(f"systemctl stop {UNIT}")

    def properties(self, *names):
        """What systemd knows of the service, as words."""
        lines = self.machine.says(f"systemctl show {UNIT} -p {','.join(names)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def process(self):
        """The number of the gateway's process; 0 if none runs."""
        return int(self.properties("MainPID")["MainPID"])

    def journal(self, lines=100):
        return self.machine.journal(UNIT, lines)

    def ledger(self, command):
        """A command of the ledger's, done by the service's user; a failure fails the test."""
        result = self.machine.run(
            f"runuser -u mimamori -- mimamori-gateway ledger {command} --config {CONFIGURATION}", check=False)
        assert result.status == 0, result.output + result.error
        return result.output

    def account(self, subscriber):
        """What arrived against what the ledger holds, by its own commands and as another program reads it."""
        self.machine.run(f"python3 - && cp {COPY} /host/ledger.sqlite", input=COPY_LEDGER.encode())
        shown, verified = read_shown(self.ledger("show --limit 1000000")), read_verified(self.ledger("verify"))
        entries = Ledger(self.machine.share).entries()
        return Account(subscriber.snapshot(), entries, shown, verified, epochs=min(1, len(entries)))

    def wait_in_order(self, subscriber, seconds=60):
        """Waits until nothing was lost, altered, invented or numbered twice and nothing waits any more. Returns the account."""
        account = None

        def is_in_order():
            nonlocal account
            account = self.account(subscriber)
            return not account.problems()

        wait_until(is_in_order, seconds, lambda: f"{account.problems()[:10]}; journal:\n{self.journal()}", every=0.5)
        return account

    def close(self):
        """Ends the service and forgets all that it kept."""
        if not self.machine.is_running:
            return
        self.machine.run(
            f"systemctl stop {UNIT}; rm -rf {STATE} {CONFIGURATION} {ADJUSTMENT}; systemctl daemon-reload; "
            f"systemctl reset-failed {UNIT}", check=False)
