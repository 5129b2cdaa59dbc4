#!/bin/sh
# Makes .python/, a virtual environment with the independent peers that the tests talk to, unless it is there as asked.
set -eu
cd "$(dirname "$0")/.."

stamp=".python/requirements.installed"
if [ -f "$stamp" ] && cmp -s Tests/requirements.txt "$stamp"; then exit 0; fi

echo "Making .python with the tests' peers (pymodbus, bumble and others)"
[ -x .python/bin/python3 ] || python3 -m venv .python
.python/bin/python3 -m pip install --quiet --disable-pip-version-check -r Tests/requirements.txt || {
  echo "Failed to install the tests' Python packages: a package index must be reachable the first time." >&2
  exit 69
}
cp Tests/requirements.txt "$stamp"
