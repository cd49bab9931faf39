# SPDX-License-Identifier: Apache-2.0
"""A real HTTP server on a loopback port, whose answers the test decides while it runs."""
import http.server
import json
import threading


class Request:
    """What came in."""

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        self.server.owner.seen.append(request)
        answer = self.server.owner.answers.get(self.path.partition("?")[0], (404, "not here"))
        status, text = answer(request) if callable(answer) else answer
        data = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = any


class Loopback:
    """answers: path to (status, text), or to a function of the Request that returns them. seen: all that came."""

    def __init__(self):
        self.answers, self.seen = {}, []
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads, self.httpd.block_on_close, self.httpd.owner = True, False, self
        self.url = f"http://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()
