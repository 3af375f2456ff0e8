#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# custosctl against a double of the daemon.
# Usage: custosctl.sh CUSTOSCTL CUSTOSD-DOUBLE COMPLETION MAN-PAGE
set -u
ctl=$1 double=$2 completion=$3 man=$4
dir=$(mktemp -d) || exit 1
socket=$dir/socket
daemon=
failures=0
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$dir"' EXIT

# expect NAME EXIT PATTERN COMMAND...: exit status, and a pattern in the output (both streams)
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
	# Whatever names it shows: no byte that acts on a terminal.
	if printf '%s' "$out" | LC_ALL=C tr -d '\n' | LC_ALL=C grep -q '[[:cntrl:]]'; then
		printf 'FAIL %s: control bytes\n' "$name"
		failures=$((failures + 1))
	fi
}
# shellcheck disable=SC2317 # called through expect
c() { "$ctl" --socket "$socket" "$@"; }
j() { "$ctl" --socket "$socket" --json "$@"; }

expect down 3 'is not running' c status
expect down-doctor 3 'does not answer' c doctor
expect no-verb 2 'what shall be done' c
expect bad-verb 2 "there is no 'frobnicate'" c frobnicate
expect bad-option 2 'unrecognized' "$ctl" --frobnicate
expect help 0 'Exit status' "$ctl" --help
expect version 0 '^custosctl [0-9]' "$ctl" --version

# A shell takes the completion, and it offers every verb.
# shellcheck disable=SC2016 # the inner shell's
offered=$(bash -c '_init_completion() { cur=${COMP_WORDS[COMP_CWORD]} prev= cword=$COMP_CWORD; words=("${COMP_WORDS[@]}"); }
	. "$0" || exit 1
	COMP_WORDS=(custosctl "") COMP_CWORD=1
	_custosctl
	printf "%s\n" "${COMPREPLY[@]}"' "$completion" 2>&1)
wanted=$("$ctl" --help | sed -n 's/^  \([a-z][a-z]*\).*/\1/p' | grep -vx -e policy -e quarantine -e bundle)
for verb in policy quarantine bundle $wanted; do
	if ! printf '%s\n' "$offered" | grep -qx "$verb"; then
		echo "FAIL completion does not offer $verb: $offered"
		failures=$((failures + 1))
	fi
done

# Every verb of the table is in the man page and completed.
for verb in $("$ctl" --help | sed -n 's/^  \(policy \)\{0,1\}\([a-z][a-z]*\).*/\2/p'); do
	if ! grep -q "^\*.*$verb" "$man" || ! grep -qw "$verb" "$completion"; then
		echo "FAIL $verb: not in man page and completion"
		failures=$((failures + 1))
	fi
done

"$double" "$socket" &
daemon=$!
n=0
while [ ! -S "$socket" ] && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
if [ "$(id -u)" -ne 0 ]; then
	echo 'skip: the admin socket serves root (or a group that a test cannot make)'
	exit 77
fi

# Every sample has a type, names and labels are of the characters they may have, and no path is a label.
expect metrics 0 '^custos_decisions_total{answer="deny"} 2$' c metrics
expect metrics-state 0 '^custos_state{state="enforcing"} 1$' c metrics
expect metrics-mounts 0 '^custos_mounts{state="excluded",seen="host"} 1$' c metrics
expect metrics-bundle 0 '^custos_bundle_created_timestamp_seconds{channel="base"} 1795' c metrics
expect metrics-arguments 2 'takes 0 arguments' c metrics x
expect metrics-option 2 '' c metrics --nonsense
c metrics | awk '
	/^# TYPE / { type[$3] = 1; next }
	/^# HELP / { next }
	!/^custos_[a-z_]+({[a-z]+="[a-zA-Z0-9._-]*"(,[a-z]+="[a-z]*")*})? -?[0-9.]+$/ { print "odd: " $0; bad = 1 }
	{ name = $0; sub(/[{ ].*/, "", name); if (!type[name]) { print "no type: " $0; bad = 1 } n++ }
	END { exit bad || n < 40 }' || { echo 'FAIL metrics: not what Prometheus takes'; failures=$((failures + 1)); }
expect metrics-file 0 '' c metrics -o "$dir/custos.prom"
grep -q '^custos_up 1$' "$dir/custos.prom" || { echo 'FAIL metrics -o'; failures=$((failures + 1)); }
expect metrics-down 3 'is not running' "$ctl" --socket "$dir/none" metrics -o "$dir/custos.prom"
grep -q '^custos_up 0$' "$dir/custos.prom" || { echo 'FAIL metrics down'; failures=$((failures + 1)); }
expect metrics-nowhere 2 'No such file' c metrics -o "$dir/none/custos.prom"
[ "$(find "$dir" -name 'custos.prom*' | wc -l)" -eq 1 ] || { echo 'FAIL metrics left something'; failures=$((failures + 1)); }

expect check 1 '^CUSTOS WARNING - enforcing: .* | events=7c denied=2c ' c check
expect check-down 2 '^CUSTOS CRITICAL - custosd is not running' "$ctl" --socket "$dir/none" check
expect check-arguments 3 'takes 0 arguments' c check x

expect status 0 '^enforcing, 1 warning$' c status
expect status-coverage 0 'excluded' c status
expect status-refused 0 'refused    3 opens by the kernel alone' c status
expect status-json 0 '"state":"enforcing"' j status
expect status-base64 0 '"mountPointBase64"' j status
expect field 0 '^enforcing$' c status --field state
expect field-nested 0 '^2$' c health --field counters.denied
expect field-wrong 2 "no field 'x'" c status --field x
expect events 0 'deny malicious /srv/two\\x0a\\x1b\[31m' c events
expect events-last 0 '/srv/four' c events -n 1
expect events-verdict 0 '"pathBase64"' j events --verdict malicious
expect events-bad 2 "value of 'verdict'" c events --verdict evil
expect events-number 2 'not a number' c events -n x
[ "$(j events --since 2 | wc -l)" -eq 2 ] || { echo 'FAIL events --since'; failures=$((failures + 1)); }
expect stats 0 '2.5 ms' c stats --by path
expect stats-bad 2 "value of 'by'" c stats --by color
expect rules-cost 0 '^Self-test: 3 of 4 harmless files' c rules cost
expect rules-cost-left-out 0 'bad.x1b.yar left out: rule bad matches /bin/sh' c rules cost
expect rules-cost-row 0 '4000 */r/slow.yar:7 *slow *for Windows programs alone' c rules cost --top 9
expect rules-cost-json 0 '"filesLeftOut":1' j rules cost
expect rules-cost-top 2 'not a number from 1 to 256' c rules cost --top 257
expect rules-cost-word 2 'takes 0 arguments' c rules cost more
expect rules-bare 2 'takes cost or sets' c rules
expect rules-sets 0 '^site  *100  *41  *7  *0  *0  *deny  *elf  *all' c rules sets
expect rules-sets-json 0 '"generation":41' j rules sets
expect rules-sets-word 2 'takes 0 arguments' c rules sets more

mkdir -p "$dir/tree/sub"
i=0
while [ $i -lt 150 ]; do echo "$i" >"$dir/tree/sub/$i"; i=$((i + 1)); done
ln -s /etc/passwd "$dir/tree/link"
mkfifo "$dir/tree/fifo"
expect scan-clean 0 '"summary":{"files":150,"bytes":490,"malicious":0,"errors":0,"skipped":2' \
	j scan "$dir/tree"
echo EVIL >"$dir/tree/$(printf 'e\033\377')"
expect scan-malicious 1 'e\\x1b\\xff: malicious (yara: evil_rule)' c scan -- "$dir/tree"
printf 'EVIL MEMBER' >"$dir/member"
expect scan-member 1 'member: malicious (yara: evil_rule, member 3/1)' c scan "$dir/member"
expect scan-json 1 '"pathBase64"' j scan "$dir/tree"
expect scan-nothing 2 'at least 1 argument' c scan
expect scan-gone 2 'No such file' c scan "$dir/none"
expect scan-link 0 'skipped' c scan "$dir/tree/link"

expect explain 0 'covered  yes (filesystem at /)' c explain /etc/passwd
expect explain-none 2 'No such file' c explain "$dir/none"
expect policy-show 0 '60.rules:3: allow dir=/srv' c policy show
expect policy-exclusions 0 '1970-01-01 (past)' c policy exclusions
expect policy-exclusions-json 0 '^{"digest":".*","exclusions":\[{' j policy exclusions
expect policy-none 2 'policy.* takes' c policy
expect reload 0 'generation 1 is in force' c reload
expect reload-bad 2 '^custosctl: .*stays in force' c reload
expect cache-flush 0 '' c cache flush
expect bundle-none 2 'takes list' c bundle
expect bundle-list 0 'base  *7  *2026-11-23 04:00:00 UTC .*in force .*6 7 ' c bundle list
expect bundle-list-json 0 '"keyIds":\["7f3914d03883d06b"\]' j bundle list
expect bundle-import 2 'refused (serial), what was in force stays in force:' c bundle import "$dir"
expect bundle-import-file 2 'Not a directory' c bundle import "$0"
expect bundle-rollback-why 2 'say why' c bundle rollback base
expect bundle-rollback-to 2 'not a number' c bundle rollback --to x --reason y
expect bundle-rollback 2 'older than 7' c bundle rollback --reason 'bad rules' base
expect cache-none 2 "no 'cache drop'" c cache drop
expect cache-what 2 'takes' c cache
expect mode-reason 2 'say why' c mode monitor --for 1h
expect mode-for 2 'how long' c mode monitor --reason x
expect mode-week 2 'of a week at most' c mode monitor --for 8d --reason x
expect mode-time 2 'not a time' c mode monitor --for soon --reason x
expect mode-monitor 0 '' c mode monitor --for 1h --reason 'upgrade of x'
expect mode-status 0 'mode       monitor, for another 59 min .* upgrade of x' c status
expect mode-enforce 0 '' c mode enforce
expect doctor 1 'fail  keeper: is not running' c doctor
expect doctor-json 1 '"check":"kernel"' j doctor

printf 'scan any on-match=deny on-error=allow timeout=3s\n' >"$dir/good.rules"
printf 'scan any\nfrobnicate\nscan size>x\n' >"$dir/bad.rules"
expect check-good 0 '' c policy check "$dir/good.rules"
expect check-bad 2 'bad.rules:2: ' c policy check "$dir/bad.rules"
expect check-lint 0 '' c policy check --lint "$dir/good.rules"
mkdir -p "$dir/root/policy.d"
printf 'allow dir=%s reason="x" expires=2099-01-01\nscan any\n' "$dir" >"$dir/root/policy.d/50.rules"
expect policy-explain 0 '50.rules:1: allow dir=' c policy explain --config-root "$dir/root" \
	"$dir/good.rules"
expect policy-explain-any 0 '50.rules:2: scan any' c policy explain --config-root "$dir/root" \
	/etc/passwd

chmod 0666 "$socket" "$dir" 2>/dev/null; chmod 0755 "$dir"
cp "$ctl" "$dir/custosctl" && chmod 0755 "$dir/custosctl"
expect denied 4 'permission denied' setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$dir/custosctl" --socket "$socket" status
chmod 0600 "$socket"
expect metrics-denied 4 'no permission' setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$dir/custosctl" --socket "$socket" metrics
expect check-denied 3 'CUSTOS UNKNOWN - no permission' setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$dir/custosctl" --socket "$socket" check
expect denied-connect 4 'no permission to connect' setpriv --reuid 65534 --regid 65534 \
	--clear-groups "$dir/custosctl" --socket "$socket" status

[ $failures -eq 0 ] && echo ok
exit $((failures > 0))
