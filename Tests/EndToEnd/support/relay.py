"""A TCP relay between the gateway and its broker that does to the line what lines do."""

import socket
import struct
import threading
import time

# SO_LINGER with no time: closing sends a reset.
RESET = struct.pack("ii", 1, 0)


class Relay:
    """Forwards from a loopback port to another. What it does wrong can be changed while it runs.

    `delay`: seconds before each piece goes on. `bytewise`: each byte goes alone. `stalled`: nothing is read, so that the
    sender's buffers fill. `black_hole`: everything is read and nothing goes on, in either direction, and nobody is told:
    as when packets are dropped silently.
    """

    def __init__(self, target):
        self.target = target
        self.delay = 0.0
        self.bytewise = False
        self.stalled = False
        self.black_hole = False
        self.connections = 0
        self._pairs = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            if self.black_hole:
                # Accepted by the operating system, and that was all.
                self._keep(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.settimeout(None)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._keep(client, server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _keep(self, *ends):
        with self._lock:
            self._pairs.append(ends)

    def _pump(self, source, sink):
        # A connection that fell into the hole stays there: what was dropped never comes again.
        is_lost = False
        try:
            while True:
                while self.stalled and not self._is_closed:
                    time.sleep(0.02)
                piece = source.recv(65536)
                if not piece:
                    break
                is_lost = is_lost or self.black_hole
                if is_lost:
                    continue
                if self.delay:
                    time.sleep(self.delay)
                for part in ([piece[i:i + 1] for i in range(len(piece))] if self.bytewise else [piece]):
                    sink.sendall(part)
        except OSError:
            pass
        if not is_lost:
            try:
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def cut(self):
        """Resets every connection."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    end.shutdown(socket.SHUT_RD)
                except OSError:
                    pass
                end.close()

    def close(self):
        self._is_closed = True
        # Closing alone would leave the thread in accept().
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        self.cut()
