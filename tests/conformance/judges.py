# SPDX-License-Identifier: Apache-2.0
"""A server of either kind that asks who somebody is, and has one admin: ADMIN."""
import os

import pytest
from accounts import ADMIN, Asking
from servers import Mlflow


class AskingSluice(Asking):
    def __init__(self, home, default_permission):
        super().__init__(home)
        self.config = f"auth: {{default_permission: {default_permission}}}\n"


class AskingMlflow(Mlflow):
    options = ("--app-name", "basic-auth")

    def __init__(self, home, default_permission):
        super().__init__(home)
        path = os.path.join(self.home, "basic_auth.ini")
        with open(path, "w", encoding="utf-8") as config:
            config.write(f"[mlflow]\ndefault_permission = {default_permission}\n"
                         f"database_uri = sqlite:///{self.home}/basic_auth.db\n"
                         f"admin_username = {ADMIN[0]}\nadmin_password = {ADMIN[1]}\n"
                         "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
                         "auth_cache_ttl_seconds = 600\n")  # else each request takes a tenth of a second
        self.environment = {"MLFLOW_AUTH_CONFIG_PATH": path, "MLFLOW_FLASK_SERVER_SECRET_KEY": "of these tests"}


def start_asking(kind, home, default_permission):
    if kind == "mlflow":
        pytest.importorskip("flask_wtf", reason="MLflow's own server asks who somebody is by it")
    return {"sluice": AskingSluice, "mlflow": AskingMlflow}[kind](home, default_permission).start()
