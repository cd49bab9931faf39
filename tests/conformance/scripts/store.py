# SPDX-License-Identifier: Apache-2.0
"""Fills a store by the client that runs this, or prints what it says of one: store.py fill|say URI."""
import os
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
warnings.simplefilter("ignore")
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

import mlflow  # noqa: E402
from moving import everything, fill  # noqa: E402

if sys.argv[1] == "fill":
    fill(sys.argv[2])
else:
    mlflow.set_tracking_uri(sys.argv[2])  # whom the old client asks for files
    print(repr(everything(sys.argv[2])))
