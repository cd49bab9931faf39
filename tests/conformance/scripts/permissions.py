# SPDX-License-Identifier: Apache-2.0
"""What MLflow's AuthServiceClient of 2.x does with permissions; prints "ok VERSION" when all is as it says."""
import os
import sys

import mlflow
from auth_client import AuthServiceClient
from mlflow.exceptions import MlflowException

name = sys.argv[1]
url = os.environ["MLFLOW_TRACKING_URI"]
auth, client = AuthServiceClient(url), mlflow.MlflowClient()


def refused(call, *arguments, words):
    try:
        call(*arguments)
    except MlflowException as error:
        assert words in str(error), error
    else:
        raise AssertionError(arguments)


made = auth.create_user(name, "a first password")
assert made.username == name and made.is_admin is False and made.experiment_permissions == []
refused(auth.create_user, name, "a first password", words="already exists")
auth.update_user_password(name, "a second password")
auth.update_user_admin(name, True)
assert auth.get_user(name).is_admin is True
auth.update_user_admin(name, False)
experiment = client.create_experiment(name)
client.create_registered_model(name)
refused(auth.get_experiment_permission, experiment, name, words="not found")
refused(auth.create_experiment_permission, experiment, name, "RULE", words="Invalid permission 'RULE'")
given = auth.create_experiment_permission(experiment, name, "EDIT")
assert (given.experiment_id, given.user_id, given.permission) == (experiment, made.id, "EDIT")
refused(auth.create_experiment_permission, experiment, name, "EDIT", words="already exists")
auth.update_experiment_permission(experiment, name, "NO_PERMISSIONS")
assert auth.get_experiment_permission(experiment, name).permission == "NO_PERMISSIONS"
given = auth.create_registered_model_permission(name, name, "READ")
assert (given.name, given.permission) == (name, "READ")
auth.update_registered_model_permission(name, name, "NO_PERMISSIONS")
listed = auth.get_user(name)
assert [one.permission for one in listed.experiment_permissions] == ["NO_PERMISSIONS"]
assert [one.name for one in listed.registered_model_permissions] == [name]

admin = os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]
os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = name, "a second password"
refused(client.get_experiment, experiment, words="Permission denied")
refused(client.get_registered_model, name, words="Permission denied")
assert name not in [one.name for one in client.search_experiments()]
assert name not in [one.name for one in client.search_registered_models()]
refused(auth.create_user, name + "2", "a first password", words="Permission denied")
refused(auth.update_experiment_permission, experiment, name, "MANAGE", words="Permission denied")
refused(auth.update_user_admin, name, True, words="Permission denied")
auth.update_user_password(name, "a third password")
os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = admin
auth.delete_experiment_permission(experiment, name)
auth.delete_registered_model_permission(name, name)
refused(auth.delete_experiment_permission, experiment, name, words="not found")
auth.delete_user(name)
refused(auth.get_user, name, words="not found")
refused(auth.delete_user, admin[0], words="last admin")
print("ok", mlflow.__version__)
