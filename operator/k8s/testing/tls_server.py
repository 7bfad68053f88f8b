"""An HTTPS server for tests of certificates: answers every GET with an object named after the client's certificate.

    tls_server.py PORT_FILE CERTIFICATE KEY CLIENT_CA

Writes its port to PORT_FILE (a pipe) and ends with its standard input. CLIENT_CA may be "": no client certificate is
asked for then.
"""

import http.server
import json
import os
import ssl
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        certificate = self.connection.getpeercert() or {}
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        body = json.dumps({"metadata": {"name": (names or ["nobody"])[0]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    port_file, certificate, key, client_ca = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # The handshake is the connection's thread's business, not that of accept.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(port_file, "w") as out:
        print(server.server_address[1], file=out)
    sys.stdin.read()
    os._exit(0)


main()
