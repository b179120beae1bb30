"""`healthy.py /live WAYMARK_GATEWAY_PORT 8000`: ends with 0 when the service of this container is.

The images' HEALTHCHECK: they hold no curl, and importing a service to ask itself would cost a
hundred times as much, every ten seconds. The second word names the setting that says where it
listens, the third its default.
"""

import os
import socket
import sys

SECONDS = 3.0
MOST_BYTES = 4096


def main(path: str, setting: str, default: str) -> int:
    """Return 0 for an answer of 200, else 1 after a line that says what came."""
    port = int(os.environ.get(setting) or default)
    try:
        answer = ask(port, path)
    except OSError as fault:
        sys.stderr.write(f"nothing answers on port {port}: {fault}\n")
        return 1
    if answer.split(b" ", 2)[1:2] == [b"200"]:
        return 0
    sys.stderr.write(f"{path}: {answer.decode(errors='replace')}\n")
    return 1


def ask(port: int, path: str) -> bytes:
    """Return what a service on this machine answers to GET, a little over 4 KiB at most.

    Raises:
        OSError: it does not, within three seconds.
    """
    request = f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(request.encode())
        answer = b""
        while len(answer) < MOST_BYTES and (more := connection.recv(MOST_BYTES)):
            answer += more
        return answer


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
