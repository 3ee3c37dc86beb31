"""What answers at a console's address may be anything."""

import socket
import threading

import pytest

from provisioning.calling import http_post


@pytest.mark.parametrize("answer", [b"220 mail.example.org ESMTP\r\n", b"", b"\xff" * 100_000])
def test_what_does_not_speak_http_is_as_good_as_away(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            line, _ = server.accept()
            with line:
                line.recv(65536)
                line.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        with pytest.raises(ConnectionError):
            http_post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}")
        serving.join()
