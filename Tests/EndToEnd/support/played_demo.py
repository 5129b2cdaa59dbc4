"""The demo's site played once, with a broker and a subscriber of the tests' own."""

import re
import threading

from .broker import Broker
from .demo_files import write_demo_files
from .site import Site
from .subscriber import Subscriber

NAME = "demo-001"
# States that are not urgent are published within a minute of the connection: it must last longer than that.
DURATION = "68s"


class PlayedDemo:
    """Everything that the gateway publishes while it plays the demo's scenario, collected in a thread of its own."""

    def __init__(self, top, program, folder):
        self._messages = None
        self._failure = None
        self._cancelled = False
        self._site = Site(program, folder, name=NAME)
        self._thread = threading.Thread(target=self._play, args=(top / "examples" / "demo", folder), daemon=True)
        self._thread.start()

    def messages(self):
        """The messages in the order of their arrival, once the demo is over."""
        self._thread.join(150)
        assert not self._thread.is_alive(), "the demo never ends"
        if self._failure:
            raise self._failure
        return self._messages

    def close(self):
        """Ends it, also before its time, with everything that it started."""
        self._cancelled = True
        self._site.close()
        self._thread.join(60)

    def _play(self, demo, folder):
        broker = Broker(folder / "broker").start()
        observer = None
        try:
            scenario = self._prepare(demo, folder, broker.port)
            observer = Subscriber(broker.port).wait_subscribed()
            gateway = self._site.start(command="simulate", arguments=["--scenario", scenario])
            assert gateway.wait_ended(120) == 0 or self._cancelled, gateway.errors()
            observer.wait_for(
                lambda message: self._cancelled or message.topic.endswith("/status") and b"offline" in message.payload,
                10, "offline")
            self._messages = observer.snapshot()
        except Exception as failure:  # Raised again where the messages are asked for.
            self._failure = failure
        finally:
            self._site.close()
            if observer:
                observer.close()
            broker.stop()

    def _prepare(self, demo, folder, port):
        """What demo.sh does before it starts the gateway. Returns the scenario's file."""
        write_demo_files(self._call, demo, folder, port)
        scenario = folder / "scenario.toml"
        text, changes = re.subn(
            r'(?m)^duration = "\w+"', f'duration = "{DURATION}"', (demo / "scenario.toml").read_text())
        assert changes == 1
        scenario.write_text(text)
        return scenario

    def _call(self, *arguments):
        result = self._site.call(*arguments)
        assert result.returncode == 0, result.stderr
