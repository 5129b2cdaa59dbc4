"""Things that listen where a broker should, and are none."""

import socket
import threading


class Listener:
    """Accepts connections on a loopback port: answers each with `greeting` and closes it, or does nothing at all."""

    def __init__(self, port, greeting=b""):
        self.connections = 0
        self._greeting = greeting
        self._open = []
        self._server = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            if self._greeting:
                threading.Thread(target=self._greet, args=(connection,), daemon=True).start()

    def _greet(self, connection):
        try:
            connection.recv(4096)
            connection.sendall(self._greeting)
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        # Closing alone would leave the thread in accept().
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for connection in self._open:
            connection.close()
