#!/bin/sh
# Installs the Debian packages that the tests need and that are missing; does nothing when all are there.
# No service is started: the tests start their own servers.
set -eu

list="$(dirname "$0")/debian-packages.txt"
packages=$(sed 's/#.*//' "$list" | tr -s '[:space:]' ' ')

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is no Debian or Ubuntu system. Install the counterparts of these packages by hand:$packages" >&2
    exit 1
fi

missing=""
for package in $packages; do
    status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    root=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    echo "The tests need Debian packages that are missing, and installing them takes root. Run this once:" >&2
    echo "    sudo apt-get update && sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# Debian starts a service as soon as it is installed, unless this file says no (exit 101).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
    $root chmod 755 "$policy"
fi

echo "Installing:$missing"
$root apt-get -qq update
# shellcheck disable=SC2086  # a list of names, one argument each
$root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $missing >/dev/null
