"""The gateway as a service of the machine: configured in /etc, run by systemd, heard at a broker of the host."""

from support.site import Site

from .disk import DEVICE

UNIT = "mimamori-gateway.service"
CONFIGURATION = "/etc/mimamori/gateway.toml"
STATE = "/var/lib/mimamori"
ADJUSTMENT = f"/run/systemd/system/{UNIT}.d/test.conf"


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

    def close(self):
        """Ends the service and forgets all that it kept."""
        if not self.machine.is_running:
            return
        self.machine.run(
            f"systemctl stop {UNIT}; rm -rf {STATE} {CONFIGURATION} {ADJUSTMENT}; systemctl daemon-reload; "
            f"systemctl reset-failed {UNIT}", check=False)
