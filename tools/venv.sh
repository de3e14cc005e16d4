#!/bin/sh
# Make a virtual environment and install the project in it: venv.sh FOLDER WHAT
set -eu
folder=$1 what=$2
python=${PYTHON_COMMAND:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "gaiji needs Python 3.11 or newer; install it, or name it: make PYTHON_COMMAND=python3.11 …" >&2
    exit 2
fi
if [ ! -x "$folder/bin/python" ]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        sh "$(dirname "$0")/packages.sh" python3-venv
    fi
    "$python" -m venv "$folder"
fi
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable "$what"
