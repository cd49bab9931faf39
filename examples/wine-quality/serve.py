# SPDX-License-Identifier: Apache-2.0
"""Serves the deployed wine model: GET /ping says which version answers, POST /grade grades one bottle.

    python3 serve.py /srv/models/wine
    curl -d '{"color": "red", "alcohol": 11.2, …}' http://127.0.0.1:9000/grade

It reads FOLDER/current at each request, which a deployment switches to the new version in one step.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import http.server
import json
import os

import ridge
import wines


def load(folder):
    current = os.path.realpath(os.path.join(folder, "current"))
    with open(os.path.join(current, "model.json"), encoding="utf-8") as file:
        return os.path.basename(current), json.load(file)


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/ping":
            return self.answer(404, {"error": "expected GET /ping or POST /grade"})
        try:
            return self.answer(200, {"version": load(self.server.folder)[0]})
        except (OSError, ValueError) as error:
            return self.answer(503, {"error": f"no model: {error}"})

    def do_POST(self):
        try:
            length = min(int(self.headers.get("Content-Length", 0)), 1 << 16)
            bottle = json.loads(self.rfile.read(length))
            version, model = load(self.server.folder)
            values = {name: float(bottle[name]) for name in wines.MEASURES if name != model["target"]}
            grade = ridge.predict(model["colors"][bottle.get("color", "red")], values)
            return self.answer(200, {"version": version, model["target"]: round(grade, 3)})
        except (KeyError, TypeError, ValueError) as error:
            return self.answer(400, {"error": f"not a bottle: {error!r}"})
        except OSError as error:
            return self.answer(503, {"error": f"no model: {error}"})

    def log_message(self, *arguments):
        pass


def main():
    parser = argparse.ArgumentParser(description="Serve the deployed wine model.")
    parser.add_argument("folder", help="the deployment target: its link 'current' is served")
    parser.add_argument("--port", type=int, default=9000, help="on 127.0.0.1 (default 9000)")
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.folder = options.folder
    print(f"serving {options.folder} on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
