# SPDX-License-Identifier: Apache-2.0
"""Plain HTTP, for what no client sends and for the words of an answer that a client hides."""
import json

import requests

API2, AJAX2, API3, AJAX3 = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/3.0/mlflow", "/ajax-api/3.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
SEE_DOCS = "See the API docs for more information about request parameters."


def missing(parameter):
    return f"Missing value for required parameter '{parameter}'. {SEE_DOCS}"


def wrong_type(value, parameter, kind):
    return f"Invalid value {value} for parameter '{parameter}' supplied:  Hint: Value was of type '{kind}'. {SEE_DOCS}"


class Wire:
    """Speaks to one server. get, post, patch and delete want 200 and give the JSON; the others give the raw answer."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()

    def send(self, method, path, body=None, *, raw=None, content_type="application/json", prefix=API2, **more):
        """body: what is sent as JSON; raw: the exact bytes instead. The path is sent as it stands."""
        headers = dict(more.pop("headers", {}))
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None and content_type is not None:
            headers["Content-Type"] = content_type
        request = self.session.prepare_request(requests.Request(method, self.url, data=data, headers=headers))
        request.url = self.url + prefix + path
        if params := more.pop("params", None):
            request.url = requests.Request("GET", request.url, params=params).prepare().url
        return self.session.send(request, timeout=60, allow_redirects=False, **more)

    def call(self, method, path, body=None, **more):
        answer = self.send(method, path, body, **more)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["Content-Type"].startswith("application/json")
        return answer.json()

    def get(self, path, **params):
        return self.call("GET", path, params=params)

    def post(self, path, body=None, **more):
        return self.call("POST", path, {} if body is None else body, **more)

    def patch(self, path, body, **more):
        return self.call("PATCH", path, body, **more)

    def delete(self, path, body=None, **more):
        return self.call("DELETE", path, body, **more)

    def refused(self, method, path, body=None, *, status=400, code="INVALID_PARAMETER_VALUE", **more):
        """The message of an answer that must be an error of this status and code, in MLflow's form."""
        answer = self.send(method, path, body, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.json()["error_code"] == code
        return answer.json()["message"]
