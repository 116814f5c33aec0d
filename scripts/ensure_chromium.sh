#!/usr/bin/env bash
# Make sure that a Chromium is here for the tests that open the report in a browser.
# Where none can be installed those tests are skipped and say so; with KETASIM_REQUIRE_BROWSER=1
# (as in .ci/run) that is an error instead.
set -u
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if command -v "$name" >/dev/null 2>&1; then
    echo "Browser: $(command -v "$name")"
    exit 0
  fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  if apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends chromium >/dev/null; then
    echo "Browser: $(command -v chromium)"
    exit 0
  fi
  reason="apt-get could not install chromium"
else
  reason="only root can install it with apt-get; on Debian run: apt-get install chromium"
fi
echo "No Chromium was found: $reason." >&2
[ "${KETASIM_REQUIRE_BROWSER:-0}" = 1 ] && exit 1
echo "The tests that need a browser will be skipped." >&2
exit 0
