#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The clients that the server must please: environments.sh BUILD [mlflow]
# "mlflow": they are to be tried against MLflow's own server, which asks who somebody is by what clients do without.
# Python's each have a virtual environment. One that is there is kept: remove BUILD/mlflow3 to get what is newest today.
set -eu

build=$1
# What is tried beside mlflow's own needs comes with it: scikit-learn, pandas, requests.
make_environment() {
    local folder=$build/$1
    shift
    # What was asked for is written down: a package that is new here is added.
    [ "$(cat "$folder/.done" 2>/dev/null)" != "$*" ] || return 0
    if [ ! -f "$folder/.done" ]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
    fi
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
    "$folder/bin/mlflow" --version
    echo "$*" >"$folder/.done"
}

make_environment mlflow3 'mlflow>=3' pytest pytest-xdist psutil prometheus-client
if [ "${2:-}" = mlflow ]; then
    "$build/mlflow3/bin/pip" install --quiet --disable-pip-version-check flask-wtf
fi
# 2.x traces only with an OpenTelemetry of its time, and opens a database only with such an SQLAlchemy.
make_environment mlflow2 'mlflow<3' 'opentelemetry-sdk<1.37' 'sqlalchemy<2.1'

# Other clients, and those of other languages: BUILD/clients/NAME. Where one cannot be had its tests fail, with this log.
here=$(dirname "$0")
make_client() {
    local language=$1 folder=$build/clients/$1
    [ ! -f "$folder.done" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    if "fetch_$language" "$folder" >"$folder.log" 2>&1; then touch "$folder.done"; fi
}

# A command that a package of Debian's brings.
need() {
    command -v "$1" >/dev/null || "$here/../install-packages.sh" "$2"
}

fetch_java() {
    need javac default-jdk-headless && need mvn maven &&
        mvn -B -q -f "$here/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$(realpath "$1")"
}

fetch_node() {
    need node nodejs && need npm npm && cp "$here/node/package.json" "$1/" &&
        npm install --prefix "$1" --no-audit --no-fund --no-package-lock
}

# A browser, and what drives it: a virtual environment of its own beside mlflow's.
fetch_browser() {
    "$here/../install-packages.sh" chromium fonts-liberation && python3 -m venv "$1" &&
        "$1/bin/pip" install --quiet --disable-pip-version-check playwright
}

# What asks sluice's own interface everything that its OpenAPI document allows, and more.
fetch_schemathesis() {
    python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check 'schemathesis>=4,<5'
}

make_client java
make_client node
make_client browser
make_client schemathesis
