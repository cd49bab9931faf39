# SPDX-License-Identifier: Apache-2.0
"""MLflow's AuthServiceClient without what its package needs for its own server (Flask-WTF), which a client does not."""
import os
import sys
import types

import mlflow.server

package = types.ModuleType("mlflow.server.auth")
package.__path__ = [os.path.join(os.path.dirname(mlflow.server.__file__), "auth")]
sys.modules.setdefault("mlflow.server.auth", package)

from mlflow.server.auth.client import AuthServiceClient  # noqa: E402, F401
