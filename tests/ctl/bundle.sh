#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# custosctl bundle verify and diff, without a daemon, on bundles signed by the tools of publishers.
# Usage: bundle.sh CUSTOSCTL
set -u
umask 022
ctl=$1
for tool in signify-openbsd minisign; do
	command -v $tool >/dev/null || { echo "skip: $tool is not installed"; exit 77; }
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failures=0

# expect NAME EXIT PATTERN COMMAND...
expect()
{
	name=$1 want=$2 pattern=$3
	shift 3
	out=$("$@" 2>&1 </dev/null)
	got=$?
	if [ "$got" -ne "$want" ] || ! printf '%s\n' "$out" | grep -q -e "$pattern"; then
		printf 'FAIL %s: exit %s (wanted %s)\n%s\n' "$name" "$got" "$want" "$out"
		failures=$((failures + 1))
	fi
}
# shellcheck disable=SC2317 # called through expect
verify() { "$ctl" "$@" bundle verify --config-root "$dir/conf" "$dir/b"; }
# shellcheck disable=SC2317
diff_to() { "$ctl" --json=off bundle diff --config-root "$dir/conf" --state-dir "$dir/state" "$@" "$dir/b"; }

manifest() # SERIAL EXPIRES
{
	(cd "$dir/b" && printf 'custos-bundle 1\nchannel: base\nserial: %s\ncreated: 2026-11-23T04:00:00Z\nexpires: %s\n' "$1" "$2" &&
		sha256sum -- *.yar *.sha256) >"$dir/m" && mv "$dir/m" "$dir/b/MANIFEST"
}
sign_signify() { signify-openbsd -S -s "$dir/v.sec" -m "$dir/b/MANIFEST" -x "$dir/b/MANIFEST.sig"; }
sign_minisign() { minisign -S "$@" -s "$dir/s.sec" -m "$dir/b/MANIFEST" -x "$dir/b/MANIFEST.minisig" >/dev/null; }

mkdir -p "$dir/b" "$dir/conf/keys.d" "$dir/conf/vendor/keys.d" "$dir/state"
signify-openbsd -G -n -p "$dir/v.pub" -s "$dir/v.sec"
minisign -G -W -p "$dir/s.pub" -s "$dir/s.sec" >/dev/null
chmod 0644 "$dir"/*.pub
cat >"$dir/b/rules.yar" <<'EOR'
rule one { condition: false }
private rule two
{
	strings: $a = "x"
	condition: $a
}
EOR
printf '%064d  a\n%064d  b\n' 1 2 >"$dir/b/deny.sha256"
manifest 1 2099-01-01T00:00:00Z
sign_signify

expect no-key 1 'signed by no key that is trusted here' verify
cp "$dir/v.pub" "$dir/conf/vendor/keys.d/"
expect signify 0 'signed   [0-9a-f]* (vendor)' verify
expect json 0 '"vendor":true' verify --json
printf '[Bundles]\nThreshold=vendor+site\n' >"$dir/conf/custosd.conf"
expect threshold 1 '2 are needed' verify
cp "$dir/s.pub" "$dir/conf/keys.d/"
sign_minisign
expect prehashed 0 '(site)' verify
sign_minisign -l
expect legacy 0 '(site)' verify
rm "$dir/conf/custosd.conf"
printf '[Bundles]\nThreshold=0\n' >"$dir/conf/custosd.conf"
expect bad-conf 2 'custosd.conf:2:' verify
rm "$dir/conf/custosd.conf"

# --- differences
cp -r "$dir/b" "$dir/old"
expect same 0 'base: 1 to 1: 0 added, 0 removed, 0 changed' diff_to "$dir/old"
expect against-none 0 'base: 0 to 1: 4 added, 0 removed, 0 changed' diff_to
sed -i 's/"x"/"y"/; s/rule one/rule three/' "$dir/b/rules.yar"
printf '%064d  b\n' 2 >"$dir/b/deny.sha256"
manifest 2 2099-01-01T00:00:00Z; sign_signify; sign_minisign
expect added 0 '^+ rules.yar: three$' diff_to "$dir/old"
expect removed 0 '^- rules.yar: one$' diff_to "$dir/old"
expect changed 0 '^~ rules.yar: two$' diff_to "$dir/old"
expect removed-hash 0 '^- deny.sha256: 0*1  a$' diff_to "$dir/old"
expect summary 0 'base: 1 to 2: 1 added, 2 removed, 1 changed' diff_to "$dir/old"

# --- what is wrong
manifest 3 2026-11-23T04:00:01Z; sign_signify; sign_minisign
expect expired 1 'expired' verify
printf 'x' >>"$dir/b/rules.yar"
expect changed-file 1 "'rules.yar' was changed" verify
expect diff-refuses 1 "'rules.yar' was changed" diff_to "$dir/old"
sed -i 's/serial: 3/serial: 4/' "$dir/b/MANIFEST"
expect changed-manifest 1 'the signature does not fit' verify
expect nowhere 2 'No such file' "$ctl" bundle verify "$dir/none"

[ $failures -eq 0 ] && echo ok
exit $((failures > 0))
