#!/usr/bin/env bash
# Print the first Python that is new enough and can make virtual environments.
set -u
for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
  path=$(command -v "$name" 2>/dev/null) || continue
  if "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    echo "$path"
    exit 0
  fi
done
exit 0
