"""An SMS gateway over HTTPS for tests/mail.rs: writes each request it has taken to a file.

gateway.py FOLDER PORT CERTIFICATE KEY ANSWER

Says its port when it listens.
"""

import http.server
import itertools
import json
import os
import ssl
import sys

folder, port, certificate, key, answer = sys.argv[1:]
numbers = itertools.count(len(os.listdir(folder)))


class Gateway(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        kept = {
            "method": self.command,
            "path": self.path,
            "headers": self.headers.items(),
            "body": self.rfile.read(length).decode(),
        }
        name = os.path.join(folder, f"{next(numbers):04}.json")
        with open(name + ".new", "w") as file:
            json.dump(kept, file)
        os.rename(name + ".new", name)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        # Each octet is a chunk of its own.
        for octet in answer.encode() + b"\n":
            self.wfile.write(b"1\r\n" + bytes([octet]) + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST
    do_PUT = do_POST

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Gateway)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
