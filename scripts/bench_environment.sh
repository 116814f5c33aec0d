#!/usr/bin/env bash
# Make the environment of `make bench`: ketasim, and every peer that pip can install or build.
# Usage: bench_environment.sh PYTHON FOLDER
set -u
python=$1
folder=$2
"$python" -m venv --clear "$folder" || exit 1
"$folder/bin/python" -m pip install --quiet -c constraints.txt -e . || exit 1
grep -v '^#' benchmarks/requirements-peers.txt | while read -r peer; do
  # One at a time, so that a peer that cannot be built takes no other with it.
  if ! "$folder/bin/python" -m pip install --quiet "$peer" 2>"$folder/pip.log"; then
    echo "$peer could not be installed and will be reported as not measured:" >&2
    tail -n 3 "$folder/pip.log" >&2
  fi
done
exit 0
