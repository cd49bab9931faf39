# SPDX-License-Identifier: Apache-2.0
"""Roles of MLflow's AuthServiceClient, and what they, permissions of users and the default come to together. Everything
here is asked of MLflow itself, too (--server mlflow)."""
import itertools
import os
import sys

import mlflow
import pytest
from accounts import ADMIN, be
from judges import start_asking
from mlflow.exceptions import RestException

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "scripts"))
from auth_client import AuthServiceClient  # noqa: E402

PASSWORD = "a password of theirs"
LEVELS = ["NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"]


class House:
    """A server, and MLflow's clients in the name of its users."""

    def __init__(self, server, monkeypatch, unique):
        self.server, self.monkeypatch, self.unique = server, monkeypatch, unique
        self.auth, self.client = AuthServiceClient(server.url), mlflow.MlflowClient(server.url)
        self.roles = []
        self.be()

    def be(self, name=None):
        be(self.monkeypatch, (name, PASSWORD) if name else ADMIN)

    def user(self, name="bob"):
        self.auth.create_user(self.unique + name, PASSWORD)
        return self.unique + name

    def role(self, *said, of=(), workspace="default"):
        """One that says ("experiment", "7", "READ"), and the users that are in it."""
        role = self.auth.create_role(workspace, f"{self.unique}{len(self.roles)}")
        self.roles.append(role.id)
        for one in said:
            self.auth.add_role_permission(role.id, *one)
        for name in of:
            self.auth.assign_role(name, role.id)
        return role


def house_of(default_permission):
    @pytest.fixture(scope="module")
    def server(request, tmp_path_factory):
        started = start_asking(request.config.getoption("--server"), tmp_path_factory.mktemp("asking"),
                               default_permission)
        yield started
        started.stop()
    return server


reading, closed, open_server = house_of("READ"), house_of("NO_PERMISSIONS"), house_of("EDIT")


@pytest.fixture
def name(unique):
    return unique.partition("[")[0] + "-" + os.urandom(4).hex()


@pytest.fixture
def house(reading, monkeypatch, name):
    yield (made := House(reading, monkeypatch, name))
    made.be()
    for role_id in made.roles:  # '*' is of other tests' objects, too
        try:
            made.auth.delete_role(role_id)
        except RestException as error:
            assert error.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.fixture
def closed_house(closed, monkeypatch, name):
    return House(closed, monkeypatch, name)


def refused(code, words, call, *arguments, **named):
    with pytest.raises(RestException, match=words) as said:
        call(*arguments, **named)
    assert said.value.error_code == code, said.value
    return said.value


def denied(call, *arguments, **named):
    """MLflow answers 403 with a text alone, which its client reads as no JSON."""
    with pytest.raises((RestException, mlflow.MlflowException), match="[Pp]ermission denied"):
        call(*arguments, **named)


# ---- each call ---------------------------------------------------------------------------------------------------

def test_roles_are_made_read_changed_and_deleted(house):
    auth, name = house.auth, house.unique
    made = auth.create_role("default", name, "who tastes")
    house.roles.append(made.id)
    assert (made.name, made.workspace, made.description, made.permissions) == (name, "default", "who tastes", [])
    assert auth.create_role("default", name + "-plain").description is None
    read = auth.get_role(made.id)
    assert (read.id, read.name, read.description) == (made.id, name, "who tastes")
    assert auth.update_role(made.id, name=name + "2").description == "who tastes"
    changed = auth.update_role(made.id, description="")
    assert (changed.name, changed.description) == (name + "2", "")
    assert made.id in [one.id for one in auth.list_roles("default")]
    assert made.id in [one.id for one in auth.list_all_roles()]
    assert auth.list_roles("nowhere") == []
    auth.delete_role(made.id)
    refused("RESOURCE_DOES_NOT_EXIST", f"Role with id={made.id} not found", auth.get_role, made.id)
    assert made.id not in [one.id for one in auth.list_all_roles()]


def test_what_a_role_says_is_added_changed_and_removed(house):
    auth, role = house.auth, house.role()
    said = auth.add_role_permission(role.id, "experiment", "7", "READ")
    assert (said.role_id, said.resource_type, said.resource_pattern, said.permission) == (
        role.id, "experiment", "7", "READ")
    every = auth.add_role_permission(role.id, "registered_model", "*", "DENY")
    admin = auth.add_role_permission(role.id, "workspace", "*", "USE")
    assert auth.update_role_permission(said.id, "MANAGE").permission == "MANAGE"
    assert auth.update_role_permission(admin.id, "MANAGE").permission == "MANAGE"
    assert [(one.id, one.permission) for one in auth.list_role_permissions(role.id)] == [
        (said.id, "MANAGE"), (every.id, "DENY"), (admin.id, "MANAGE")]
    assert [one.id for one in auth.get_role(role.id).permissions] == [said.id, every.id, admin.id]
    auth.remove_role_permission(every.id)
    assert [one.id for one in auth.list_role_permissions(role.id)] == [said.id, admin.id]
    refused("RESOURCE_DOES_NOT_EXIST", f"Role permission with id={every.id} not found", auth.remove_role_permission,
            every.id)


def test_users_are_put_in_roles_and_taken_out(house):
    auth, bob, carol = house.auth, house.user(), house.user("carol")
    role, other = house.role(), house.role()
    made = auth.assign_role(bob, role.id)
    assert (made.role_id, made.user_id) == (role.id, auth.get_user(bob).id)
    auth.assign_role(carol, role.id)
    auth.assign_role(bob, other.id)
    assert [one.id for one in auth.list_user_roles(bob)] == [role.id, other.id]
    assert [one.user_id for one in auth.list_role_users(role.id)] == [made.user_id, auth.get_user(carol).id]
    auth.unassign_role(bob, role.id)
    assert [one.id for one in auth.list_user_roles(bob)] == [other.id]
    refused("RESOURCE_DOES_NOT_EXIST", f"assignment .user_id={made.user_id}, role_id={role.id}. not found",
            auth.unassign_role, bob, role.id)


def test_errors_are_mlflows(house):
    auth, bob, role = house.auth, house.user(), house.role(("experiment", "7", "READ"))
    absent = role.id + 100000
    space = auth.add_role_permission(role.id, "workspace", "*", "USE")
    auth.assign_role(bob, role.id)
    experiment = house.client.create_experiment(house.unique)
    auth.grant_user_permission(bob, "experiment", experiment, "READ")
    for code, words, call, *arguments in (
            ("RESOURCE_ALREADY_EXISTS", rf"Role \(name={role.name}, workspace=default\) already exists",
             auth.create_role, "default", role.name),
            ("INVALID_PARAMETER_VALUE", "Role name cannot be empty", auth.create_role, "default", " "),
            ("INVALID_PARAMETER_VALUE", "Workspace cannot be empty", auth.create_role, " ", "x"),
            ("INVALID_PARAMETER_VALUE", "Role name '__user_x' uses the reserved '__user_' prefix", auth.create_role,
             "default", "__user_x"),
            ("INVALID_PARAMETER_VALUE", "reserved '__user_' prefix", auth.update_role, role.id, "__user_1__"),
            ("INVALID_PARAMETER_VALUE", "At least one of 'name' or 'description'", auth.update_role, role.id),
            ("INVALID_PARAMETER_VALUE", "Role name cannot be empty", auth.update_role, role.id, ""),
            ("RESOURCE_ALREADY_EXISTS", f"Role with name={house.role().name} already exists in workspace=default",
             auth.update_role, role.id, house.unique + "1"),
            ("RESOURCE_DOES_NOT_EXIST", "Role with id=.* not found", auth.update_role, absent, "x"),
            ("RESOURCE_DOES_NOT_EXIST", "Role with id=.* not found", auth.delete_role, absent),
            ("RESOURCE_DOES_NOT_EXIST", "Role with id=.* not found", auth.list_role_permissions, absent),
            ("RESOURCE_DOES_NOT_EXIST", "Role with id=.* not found", auth.list_role_users, absent),
            ("RESOURCE_DOES_NOT_EXIST", "Role with id=.* not found", auth.assign_role, bob, absent),
            ("RESOURCE_DOES_NOT_EXIST", "Role with id=.* not found", auth.add_role_permission, absent, "experiment",
             "7", "READ"),
            ("INVALID_PARAMETER_VALUE", "role_id", auth.get_role, "seven"),
            ("RESOURCE_DOES_NOT_EXIST", "User with username=nobody not found", auth.assign_role, "nobody", role.id),
            ("RESOURCE_DOES_NOT_EXIST", "User with username=nobody not found", auth.list_user_roles, "nobody"),
            ("RESOURCE_ALREADY_EXISTS", "User role assignment .* already exists", auth.assign_role, bob, role.id),
            ("RESOURCE_ALREADY_EXISTS",
             rf"Role permission \(role_id={role.id}, resource_type=experiment, resource_pattern=7\) already exists",
             auth.add_role_permission, role.id, "experiment", "7", "EDIT"),
            ("INVALID_PARAMETER_VALUE", "Invalid permission 'RULE'. Valid permissions are: .'READ', 'USE', 'EDIT', "
             "'MANAGE', 'NO_PERMISSIONS', 'DENY'", auth.add_role_permission, role.id, "experiment", "8", "RULE"),
            ("INVALID_PARAMETER_VALUE", "Invalid resource type 'wine'. Valid resource types are: ",
             auth.add_role_permission, role.id, "wine", "8", "READ"),
            ("INVALID_PARAMETER_VALUE", "Invalid permission 'NO_PERMISSIONS' for resource_type='experiment'. "
             r"Resource-level grants accept only: \('DENY', 'EDIT', 'MANAGE', 'READ', 'USE'\)",
             auth.add_role_permission, role.id, "experiment", "8", "NO_PERMISSIONS"),
            ("INVALID_PARAMETER_VALUE", "Invalid permission 'READ' for resource_type='workspace'. "
             r"Workspace-wide grants accept only: \('MANAGE', 'USE'\)",
             auth.add_role_permission, role.id, "workspace", "*", "READ"),
            ("INVALID_PARAMETER_VALUE", "for resource_type='workspace'", auth.update_role_permission, space.id, "DENY"),
            ("INVALID_PARAMETER_VALUE", r"Invalid resource_pattern 'x' for resource_type='workspace'. This resource "
             r"type supports only wildcard \('\*'\) grants", auth.add_role_permission, role.id, "workspace", "x",
             "USE"),
            ("RESOURCE_DOES_NOT_EXIST", "Role permission with id=.* not found", auth.update_role_permission, 10**6,
             "READ"),
            ("RESOURCE_ALREADY_EXISTS", f"Permission for user={bob} on resource_type=experiment, "
             f"resource_id={experiment} already exists", auth.grant_user_permission, bob, "experiment", experiment,
             "EDIT"),
            ("INVALID_PARAMETER_VALUE", "Invalid permission 'NO_PERMISSIONS' for resource_type",
             auth.grant_user_permission, bob, "experiment", "*", "NO_PERMISSIONS"),
            ("INVALID_PARAMETER_VALUE", "resource_type 'workspace' is not supported by the per-user",
             auth.grant_user_permission, bob, "workspace", "*", "USE"),
            ("INVALID_PARAMETER_VALUE", "resource_type 'workspace' is not supported by the per-user",
             auth.get_user_permission, bob, "workspace", "*"),
            ("INVALID_PARAMETER_VALUE", "Invalid resource type 'wine'", auth.get_user_permission, bob, "wine", "7"),
            ("RESOURCE_DOES_NOT_EXIST", f"Permission for user={bob} on resource_type=experiment, resource_id=\\* not "
             "found", auth.revoke_user_permission, bob, "experiment", "*"),
            ("RESOURCE_DOES_NOT_EXIST", "User with username=nobody not found", auth.grant_user_permission, "nobody",
             "experiment", experiment, "READ")):
        refused(code, words, call, *arguments)


def test_all_workspaces_have_roles_and_the_default_has_the_objects(house):
    auth, bob = house.auth, house.user()
    experiment = house.client.create_experiment(house.unique)
    there = house.role(("experiment", "*", "MANAGE"), ("workspace", "*", "MANAGE"), of=[bob], workspace="cellar")
    assert auth.create_role("cellar", house.unique).workspace == "cellar"
    assert there.id not in [one.id for one in auth.list_roles("default")]
    assert there.id in [one.id for one in auth.list_roles("cellar")]
    assert auth.get_user_permission(bob, "experiment", experiment).permission == "READ"
    house.be(bob)
    denied(house.client.set_experiment_tag, experiment, "a", "b")
    made = auth.create_role("cellar", house.unique + "-his")
    auth.add_role_permission(made.id, "experiment", "*", "EDIT")
    denied(auth.create_role, "default", house.unique + "-his")
    assert made.id in [one.id for one in auth.list_roles("cellar")]


# ---- what it comes to --------------------------------------------------------------------------------------------

def comes_to(direct, wide, by_id, by_star, default):
    """Written down from MLflow's documents: DENY beats all, else the highest, and never less than the default."""
    said = [one for one in (direct, wide, by_id, by_star) if one]
    return "DENY" if "DENY" in said else max([*said, default], key=LEVELS.index)


CASES = list(itertools.chain(
    itertools.product((None, "EDIT", "DENY"), (None, "READ"), (None, "USE", "DENY"), (None, "MANAGE")),
    [(None, "DENY", "MANAGE", None), ("MANAGE", "DENY", None, None), (None, None, "READ", "DENY"),
     ("READ", "EDIT", "USE", "READ"), (None, "EDIT", None, None), ("USE", None, "USE", None)]))


@pytest.mark.parametrize("default, fixture", [("READ", "reading"), ("NO_PERMISSIONS", "closed")])
@pytest.mark.parametrize("kind", ["experiment", "registered_model"])
def test_all_that_is_said_comes_to_one_permission(request, monkeypatch, name, kind, default, fixture):
    """What is told, what searches find and what may be done agree, in each of the cases."""
    house = House(request.getfixturevalue(fixture), monkeypatch, name)
    auth, client = house.auth, house.client
    for at, case in enumerate(CASES):
        direct, wide, by_id, by_star = case
        bob, thing = house.user(f"bob{at}"), f"{name}-{at}"
        if kind == "experiment":
            thing = client.create_experiment(thing)
        else:
            client.create_registered_model(thing)
        for pattern, permission in ((thing, direct), ("*", wide)):
            if permission:
                auth.grant_user_permission(bob, kind, pattern, permission)
        for pattern, permission in ((thing, by_id), ("*", by_star)):
            if permission:
                house.role((kind, pattern, permission), of=[bob])
        expected = comes_to(*case, default)
        found = auth.get_user_permission(bob, kind, thing)
        assert (found.permission, found.allowed) == (expected, expected in LEVELS[2:]), case
        house.be(bob)
        may = {level: expected in LEVELS[LEVELS.index(level):] for level in LEVELS[1:]}
        if kind == "experiment":
            calls = {"READ": lambda: client.get_experiment(thing), "EDIT": lambda: client.create_run(thing),
                     "MANAGE": lambda: client.delete_experiment(thing)}
            seen = thing in [one.experiment_id for one in client.search_experiments(
                filter_string=f"name = '{name}-{at}'")]
        else:
            calls = {"READ": lambda: client.get_registered_model(thing),
                     "EDIT": lambda: client.set_registered_model_tag(thing, "a", "b"),
                     "MANAGE": lambda: client.delete_registered_model(thing)}
            seen = thing in [one.name for one in client.search_registered_models(f"name = '{thing}'")]
        assert seen is may["READ"], case
        for level, call in calls.items():
            if may[level]:
                call()
            else:
                denied(call)
        house.be()


def test_searches_of_runs_and_versions_find_what_roles_let_him_read(closed_house):
    house = closed_house
    client, bob = house.client, house.user()
    experiments = [client.create_experiment(f"{house.unique}-{i}") for i in range(4)]
    runs = [client.create_run(one).info.run_id for one in experiments]
    models = [client.create_registered_model(f"{house.unique}-{i}").name for i in range(3)]
    for model in models:
        client.create_model_version(model, "s3://somewhere/else")
    role = house.role(("experiment", experiments[0], "READ"), ("experiment", experiments[2], "EDIT"),
                      ("registered_model", models[1], "READ"))
    house.be(bob)
    assert client.search_runs(experiments) == [] and client.search_experiments() == []
    house.be()
    house.auth.assign_role(bob, role.id)
    house.be(bob)
    assert sorted(one.info.run_id for one in client.search_runs(experiments)) == sorted([runs[0], runs[2]])
    assert sorted(one.experiment_id for one in client.search_experiments()) == sorted([experiments[0], experiments[2]])
    assert [one.name for one in client.search_registered_models()] == [models[1]]
    assert [one.name for one in client.search_model_versions()] == [models[1]]
    client.log_metric(runs[2], "loss", 1)
    denied(client.log_metric, runs[0], "loss", 1)
    house.be()
    house.auth.update_role_permission(house.auth.get_role(role.id).permissions[0].id, "DENY")
    house.be(bob)
    assert [one.info.run_id for one in client.search_runs(experiments)] == [runs[2]]
    house.be()
    house.auth.delete_role(role.id)
    house.be(bob)
    assert client.search_runs(experiments) == [] and client.search_registered_models() == []


def test_roles_of_prompts_say_nothing_of_models(closed_house):
    house = closed_house
    client, auth = house.client, house.auth
    bob, carol = house.user(), house.user("carol")
    model = client.create_registered_model(house.unique + "-model").name
    prompt = client.create_prompt(house.unique + "-prompt").name
    house.role(("prompt", "*", "READ"), of=[bob])
    house.role(("registered_model", "*", "READ"), of=[carol])
    for name, reads, not_his in ((bob, prompt, model), (carol, model, prompt)):
        house.be(name)
        found = [one.name for search in (client.search_prompts, client.search_registered_models) for one in search()]
        assert reads in found and not_his not in found  # others' objects are there, too
        assert client._get_registry_client().get_registered_model(reads).name == reads
        denied(client._get_registry_client().get_registered_model, not_his)
        house.be()
    assert auth.get_user_permission(carol, "registered_model", model).permission == "READ"


def test_who_manages_the_workspace_manages_all_that_is_in_it(closed_house):
    """Whatever is denied him, and his roles with it; of users he makes no admins, and removes none."""
    house = closed_house
    client, auth, bob, carol = house.client, house.auth, house.user(), house.user("carol")
    experiment = client.create_experiment(house.unique)
    hers = house.role(("experiment", experiment, "DENY"), of=[bob, carol])
    chief = house.role(("workspace", "*", "MANAGE"), of=[bob])
    assert auth.get_user_permission(bob, "experiment", experiment).permission == "MANAGE"
    house.be(bob)
    client.set_experiment_tag(experiment, "a", "b")
    assert house.unique in [one.name for one in client.search_experiments()]
    made = auth.create_role("default", house.unique + "-made")
    said = auth.add_role_permission(made.id, "experiment", experiment, "READ")
    auth.update_role_permission(said.id, "EDIT")
    auth.update_role(made.id, description="his")
    auth.assign_role(carol, made.id)
    assert {one.id for one in auth.list_user_roles(carol)} >= {hers.id, made.id}
    auth.unassign_role(carol, hers.id)
    assert auth.get_user_permission(carol, "experiment", experiment).permission == "EDIT"
    auth.grant_user_permission(carol, "experiment", "*", "READ")
    auth.revoke_user_permission(carol, "experiment", "*")
    assert carol not in [str(one.user_id) for one in auth.list_role_users(hers.id)]
    auth.remove_role_permission(said.id)
    auth.delete_role(made.id)
    denied(auth.list_all_roles)
    denied(auth.update_user_admin, bob, True)
    denied(auth.delete_user, carol)
    house.be()
    auth.unassign_role(bob, chief.id)
    house.be(bob)
    denied(client.set_experiment_tag, experiment, "a", "c")
    denied(auth.create_role, "default", house.unique + "-more")


def test_to_belong_to_a_workspace_says_nothing_of_its_objects(closed_house):
    house = closed_house
    bob, experiment = house.user(), house.client.create_experiment(house.unique)
    role = house.role(("workspace", "*", "USE"), of=[bob])
    house.be(bob)
    denied(house.client.get_experiment, experiment)
    denied(house.auth.create_role, "default", house.unique + "-his")
    assert house.auth.get_role(role.id).id == role.id


@pytest.mark.flaw("a search lists the names of what may not be read to whoever belongs to the workspace")
def test_who_belongs_to_a_workspace_finds_only_what_he_may_read(closed_house):
    house = closed_house
    bob = house.user()
    house.client.create_experiment(house.unique)
    house.role(("workspace", "*", "USE"), of=[bob])
    house.be(bob)
    assert house.client.search_experiments() == []


@pytest.mark.flaw("less than the default cannot be said of an object, only DENY")
def test_what_is_said_to_a_user_of_an_object_may_be_less_than_the_default(open_server, monkeypatch, name):
    house = House(open_server, monkeypatch, name)
    bob, experiment = house.user(), house.client.create_experiment(name)
    house.auth.grant_user_permission(bob, "experiment", experiment, "READ")
    assert house.auth.get_user_permission(bob, "experiment", experiment).permission == "READ"


# ---- who may ask -------------------------------------------------------------------------------------------------

def test_others_see_their_own_roles_and_change_none(house):
    auth, bob, carol = house.auth, house.user(), house.user("carol")
    role = house.role(("experiment", "7", "READ"), of=[bob])
    others = house.role(of=[carol], workspace="cellar")
    said = auth.get_role(role.id).permissions[0].id
    house.be(bob)
    assert role.id in [one.id for one in auth.list_user_roles(bob)]
    assert auth.get_role(role.id).name == role.name
    assert [one.id for one in auth.list_role_permissions(role.id)] == [said]
    assert role.id in [one.id for one in auth.list_roles("default")]
    for call, *arguments in ((auth.create_role, "default", "x"), (auth.update_role, role.id, "x"),
                             (auth.delete_role, role.id),
                             (auth.add_role_permission, role.id, "experiment", "8", "READ"),
                             (auth.update_role_permission, said, "EDIT"), (auth.remove_role_permission, said),
                             (auth.assign_role, bob, role.id), (auth.unassign_role, bob, role.id),
                             (auth.list_role_users, role.id), (auth.list_all_roles,), (auth.list_user_roles, carol),
                             (auth.list_roles, "cellar"), (auth.get_role, others.id),
                             (auth.list_role_permissions, others.id), (auth.get_role, others.id + 10**6),
                             (auth.delete_role, others.id + 10**6), (auth.list_user_roles, "nobody"),
                             (auth.get_user_permission, carol, "experiment", "7"),
                             (auth.grant_user_permission, bob, "experiment", "*", "MANAGE")):
        denied(call, *arguments)
    house.be(carol)
    assert others.id in [one.id for one in auth.list_roles("cellar")]
    denied(auth.list_roles, "default")
    denied(auth.get_role, role.id)


# ---- what goes with what -----------------------------------------------------------------------------------------

def test_a_role_goes_with_all_it_says_and_a_user_leaves_his_roles(closed_house):
    house = closed_house
    auth, bob = house.auth, house.user()
    experiment = house.client.create_experiment(house.unique)
    role, other = house.role(("experiment", experiment, "EDIT"), of=[bob]), house.role(of=[bob])
    said = auth.get_role(role.id).permissions[0].id
    auth.delete_role(role.id)
    refused("RESOURCE_DOES_NOT_EXIST", "not found", auth.update_role_permission, said, "READ")
    assert [one.id for one in auth.list_user_roles(bob)] == [other.id]
    house.be(bob)
    denied(house.client.get_experiment, experiment)
    house.be()
    auth.delete_user(bob)
    assert auth.list_role_users(other.id) == []
    auth.create_user(bob, PASSWORD)
    assert auth.list_user_roles(bob) == []


def test_what_roles_say_stays_with_the_name_of_a_model(closed_house):
    """What was said to users goes with the model; what a role says was said of the name."""
    house = closed_house
    client, auth, bob = house.client, house.auth, house.user()
    names = [f"{house.unique}-{i}" for i in range(3)]
    for one in names[:2]:
        client.create_registered_model(one)
        house.role(("registered_model", one, "READ"), of=[bob])
    auth.grant_user_permission(bob, "registered_model", names[0], "EDIT")
    client.rename_registered_model(names[0], names[2])
    client.delete_registered_model(names[1])
    client.create_registered_model(names[1])
    told = [auth.get_user_permission(bob, "registered_model", one).permission for one in names]
    assert told == ["READ", "READ", "EDIT"]
    house.be(bob)
    assert sorted(one.name for one in client.search_registered_models()) == sorted(names[1:])
