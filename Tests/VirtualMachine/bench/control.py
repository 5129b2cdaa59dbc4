"""Two JSON conversations with QEMU over sockets: QMP with the machine, and with the agent that runs inside it."""

import base64
import json
import socket
import time


class ControlError(AssertionError):
    """QEMU or the agent refused an order."""


class _Conversation:
    """One order at a time, one line each way."""

    def __init__(self, path, seconds):
        deadline = time.monotonic() + seconds
        while True:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                self._socket.close()
                if time.monotonic() >= deadline:
                    raise ControlError(f"nobody answers at {path}") from None
                time.sleep(0.05)
        self._rest = b""

    def _send(self, message):
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _line(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            data = self._socket.recv(65536)
            if not data:
                raise ControlError("the machine has hung up")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def close(self):
        self._socket.close()


class QMP(_Conversation):
    """QEMU's machine protocol. `execute` returns what QEMU answers and keeps the events that come meanwhile."""

    def __init__(self, path, seconds=10):
        super().__init__(path, seconds)
        self.events = []
        self._line(seconds)
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self._send({"execute": command, "arguments": {name.replace("_", "-"): v for name, v in arguments.items()}})
        while True:
            answer = json.loads(self._line(10))
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise ControlError(f"{command} {arguments}: {answer['error']['desc']}")
            else:
                return answer["return"]


class Agent(_Conversation):
    """QEMU's guest agent: commands in the machine, without a login and without a network.

    Under emulation an order takes a few hundredths of a second.
    """

    def wait(self, seconds, is_alive):
        """Waits until the agent runs. QEMU keeps the question until the agent opens its port."""
        deadline = time.monotonic() + seconds
        self._send({"execute": "guest-sync", "arguments": {"id": 1}})
        while time.monotonic() < deadline:
            if not is_alive():
                raise ControlError("the machine has stopped")
            try:
                self._line(1.0)
                return
            except TimeoutError:
                pass
        raise ControlError(f"the agent does not answer within {seconds} s")

    def execute(self, command, **arguments):
        self._send({"execute": command, "arguments": {name.replace("_", "-"): v for name, v in arguments.items()}})
        try:
            answer = json.loads(self._line(20))
        except TimeoutError:
            raise ControlError(f"the agent does not answer {command}") from None
        if "error" in answer:
            raise ControlError(f"{command} {arguments}: {answer['error']['desc']}")
        return answer["return"]

    def start(self, program, arguments, input=None):
        """Starts a program and returns the number by which the agent knows it."""
        extra = {"input_data": base64.b64encode(input).decode()} if input is not None else {}
        return self.execute(
            "guest-exec", path=program, arg=list(arguments), capture_output=True, **extra)["pid"]

    def result(self, number):
        """The exit status and the two outputs of a program that has ended, or None while it runs.

        The agent keeps a result until it has been asked for once.
        """
        answer = self.execute("guest-exec-status", pid=number)
        if not answer["exited"]:
            return None
        output = base64.b64decode(answer.get("out-data", ""))
        error = base64.b64decode(answer.get("err-data", ""))
        return answer.get("exitcode", -answer.get("signal", 0)), output, error
