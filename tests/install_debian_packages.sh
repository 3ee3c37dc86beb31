#!/usr/bin/env bash
# Installs the Debian packages the tests need (debian-packages.txt): root gets the missing ones installed, anybody else
# is told which. Says nothing and is quick when all are there.
set -euo pipefail
cd "$(dirname "$0")"

readarray -t wanted < <(sed 's/#.*//; s/[[:space:]]*$//; /^$/d' debian-packages.txt)
missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "the tests need Debian packages that are not here; as root:" >&2
  echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

echo "installing from Debian for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -o DPkg::Lock::Timeout=500)
# Services that the packages bring (a broker on port 1883) are not to start; a policy of the machine's own stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
