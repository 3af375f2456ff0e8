#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The admin socket as systemd's own client sees it. Usage: varlinkctl.sh CUSTOSD-DOUBLE IDL-DIR
# tests/system/varlinkctl makes the root directory and runs this.
# CUSTOS_VARLINK_ROOT: a root directory with varlinkctl (systemd 257) and /proc mounted in it;
# made with: mmdebstrap --variant=minbase --include=systemd trixie DIR
set -u
double=$1 idl=$2 root=${CUSTOS_VARLINK_ROOT:-}
if [ -z "$root" ] || [ "$(id -u)" -ne 0 ] || [ ! -x "$root/usr/bin/varlinkctl" ]; then
	echo 'skip: needs root, and CUSTOS_VARLINK_ROOT with varlinkctl in it'
	exit 77
fi
dir=$(mktemp -d -p "$root/run") || exit 1
chmod 0755 "$dir"
socket=${dir#"$root"}/io.custos.Manager
failures=0
"$double" "$dir/io.custos.Manager" &
daemon=$!
trap 'kill $daemon; rm -rf "$dir"' EXIT
n=0
while [ ! -S "$dir/io.custos.Manager" ] && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
chmod 0666 "$dir/io.custos.Manager" # so that who calls decides, not the file's mode
cp "$idl"/*.varlink "$dir/"

# expect PATTERN COMMAND...: a pattern in the output (both streams)
expect()
{
	pattern=$1
	shift
	out=$("$@" 2>&1 </dev/null)
	if ! printf '%s\n' "$out" | grep -q -e "$pattern"; then
		printf 'FAIL %s\n%s\n' "$*" "$out"
		failures=$((failures + 1))
	fi
}
v() { chroot "$root" varlinkctl "$@"; }
# shellcheck disable=SC2317 # called through expect
nobody() { chroot --userspec=65534:65534 "$root" varlinkctl "$@"; }

for file in "$dir"/*.varlink; do
	v validate-idl "${file#"$root"}" >/dev/null || failures=$((failures + 1))
done
expect 'Product: custos' v info "$socket"
expect 'io.custos.Manager.Status' v list-methods "$socket" # fails if what is served does not parse
expect 'method Events' v introspect "$socket" io.custos.Manager
expect '"state":"enforcing"' v call -j "$socket" io.custos.Manager.Status '{}'
expect '"seq":4' v call -j --more "$socket" io.custos.Manager.Events '{"follow":false}'
expect 'ExpectedMore' v call "$socket" io.custos.Manager.Events '{}'
expect 'MethodNotFound' v call "$socket" io.custos.Manager.Nothing '{}'
expect 'InvalidParameter' v call "$socket" io.custos.Manager.Stats '{"top":0}'
expect 'PermissionDenied' nobody call "$socket" io.custos.Manager.Reload '{}'
expect 'PermissionDenied' nobody call "$socket" io.custos.Manager.Status '{}'

[ $failures -eq 0 ] && echo ok
exit $((failures > 0))
