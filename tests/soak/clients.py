# SPDX-License-Identifier: Apache-2.0
"""Who talks to the daemon over HTTP while it is killed: senders of webhooks, somebody who starts runs, and somebody who
approves and rejects. Each keeps what he was told; what has had no answer is asked again, as senders do."""
import hashlib
import hmac
import http.client
import json
import threading
import time

SECRET = "It's a Secret to Everybody"


def github(body, delivery, secret):
    """The headers of a delivery as GitHub signs it."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": "push", "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": "sha256=" + signature}


class Unanswered(Exception):
    """The daemon has gone, before or after it did what was asked."""


class Client(threading.Thread):
    """A thread of its own that acts until it is told to end, and goes on with what has no answer until it has one."""

    def __init__(self, soak, chance):
        super().__init__(daemon=True)
        self.soak, self.chance, self.ending, self.wrong = soak, chance, threading.Event(), []

    def ask(self, method, path, body=None, headers=None):
        """(status, answer)"""
        line = http.client.HTTPConnection("127.0.0.1", self.soak.port, timeout=20)
        try:
            line.request(method, path, body, headers or {})
            answer = line.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered from error
        finally:
            line.close()

    def insist(self, *request):
        """The answer, however often the daemon is killed before it comes; and how often it was asked."""
        for times in range(1, 2000):
            try:
                status, answer = self.ask(*request)
                if status not in (429, 503):
                    return status, answer, times
            except Unanswered:
                pass
            time.sleep(0.05)
        raise AssertionError(f"no answer: {request[:2]}")

    def run(self):
        try:
            while not self.ending.is_set():
                self.act()
                self.ending.wait(self.pause())
        except Exception as error:  # told with the judgement
            self.wrong.append(f"clients {type(self).__name__}: {error!r}")

    def pause(self):
        return self.chance.uniform(0.05, 0.5)

    def act(self):
        raise NotImplementedError

    def end(self):
        self.ending.set()
        self.join(timeout=180)
        if self.is_alive():
            self.wrong.append(f"clients {type(self).__name__} does not end")


class Sender(Client):
    """Floods of deliveries: good ones, the same once more, some that the pipeline does not want, and forged ones."""

    def __init__(self, soak, chance):
        super().__init__(soak, chance)
        self.accepted, self.ignored, self.forged, self.again, self.number = {}, set(), 0, 0, 0

    def pause(self):
        return self.chance.choice((0, 0, 0, 0.02, 0.3, 1.0))

    def deliver(self, body, delivery, secret=SECRET, insists=True):
        request = ("POST", "/hooks/hook", body, github(body, delivery, secret))
        if insists:
            return self.insist(*request)
        try:
            return (*self.ask(*request), 1)
        except Unanswered:
            return 0, b"{}", 1

    def act(self):
        kind = self.chance.choices(("good", "again", "unwanted", "forged"), weights=(5, 3, 1, 4))[0]
        if kind == "forged":
            self.forge()
        elif kind == "again" and self.accepted:
            delivery, trigger = self.chance.choice(list(self.accepted.items()))
            status, answer, _ = self.deliver(self.body(delivery, True), delivery)
            self.again += 1
            if status != 200 or json.loads(answer).get("trigger") != trigger:
                self.wrong.append(f"deliveries {delivery} was accepted as {trigger}; again: {status} {answer[:200]}")
        else:
            self.number += 1
            self.fresh(f"d{self.number}", kind != "unwanted")

    @staticmethod
    def body(delivery, wanted):
        return json.dumps({"id": delivery, "wanted": wanted}).encode()

    def fresh(self, delivery, wanted):
        status, answer, times = self.deliver(self.body(delivery, wanted), delivery)
        answer = json.loads(answer)
        first = status == (202 if wanted else 200) and answer["status"] == ("accepted" if wanted else "ignored")
        if not first and not (times > 1 and status == 200 and answer["status"] == "duplicate"):
            self.wrong.append(f"deliveries {delivery}, asked {times} times: {status} {answer}")
            return
        if wanted:
            self.accepted[delivery] = answer["trigger"]
        else:
            self.ignored.add(delivery)

    def forge(self):
        status, answer, _ = self.deliver(self.body(f"forged{self.forged}", True), f"f{self.forged}", "another", False)
        self.forged += 1
        if status not in (401, 429, 503, 0):
            self.wrong.append(f"deliveries a forged one: {status} {answer[:200]}")


class Starter(Client):
    """Starts runs by the interface, each with a key, so that it may be asked again."""

    def __init__(self, soak, chance, token):
        super().__init__(soak, chance)
        self.token, self.started, self.number = token, {}, 0

    def post(self, path, body, key):
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = f'"{key}"'
        status, answer, _ = self.insist("POST", "/api/sluice/v1" + path, json.dumps(body).encode(), headers)
        return status, json.loads(answer)

    def act(self):
        self.number += 1
        word = f"r{self.number}"
        status, answer = self.post("/runs", {"pipeline": "start", "params": {"id": word}}, word)
        if status not in (200, 201, 202):
            self.wrong.append(f"starts {word}: {status} {answer}")
            return
        self.started[word] = answer["run_id"]


class Voter(Starter):
    """Approves and rejects what asks for it."""

    def __init__(self, soak, chance, token):
        super().__init__(soak, chance, token)
        self.votes = {}  # {approval: (run, approves)}
        self.first = [False, True]  # each once, from the last on

    def pause(self):
        return self.chance.uniform(0.3, 1.5)

    def act(self):
        status, answer, _ = self.insist("GET", "/api/sluice/v1/approvals?mine=true", None,
                                        {"Authorization": "Bearer " + self.token})
        if status != 200:
            self.wrong.append(f"approvals the list: {status} {answer[:200]}")
            return
        for one in json.loads(answer)["approvals"][:4]:
            self.vote(one)

    def vote(self, one):
        approval, approves = one["approval_id"], self.first[-1] if self.first else self.chance.random() < 0.7
        verb = "approve" if approves else "reject"
        status, answer = self.post(f"/approvals/{approval}/{verb}", {"reason": f"by chance {verb}"},
                                   f"{verb} {approval}")
        if status == 409:
            return  # its run has ended, or the evidence is another
        if status != 200:
            self.wrong.append(f"approvals {approval}: {status} {answer}")
            return
        self.votes[approval] = (one["run_id"], approves)
        self.first = [kind for kind in self.first if kind != approves]
