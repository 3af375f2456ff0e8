# SPDX-License-Identifier: Apache-2.0
# System test harness: a private world per test, custosd in it, and words to assert with.
#
# A test is a bash file that sources this one and calls, in this order,
#   system_begin "$@"      (comes back inside a private mount and pid namespace)
#   fs_make, config_*      (own file systems, own configuration)
#   custos_start ... custos_stop
#   system_end
#
# Why nothing can be left hanging: the test runs as the first process of its own pid
# namespace, under --kill-child. When it ends, is killed or runs into its time limit, the
# kernel kills every process in there, custosd included; with the last holder of the
# fanotify group the marks go and waiting opens are released. Everything it writes lies on
# a tmpfs of its mount namespace and goes with it. Only file systems made here are marked.
#
# Environment: BUILD (build tree, required), HELPERS (default BUILD/tests/system),
# CUSTOS_TIME_LIMIT (seconds a custosd may live, default 240).

set -u
export LC_ALL=C
SYSTEM_NAME=$(basename "$0")
SYSTEM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FAILURES=0
CHECKS=0
DAEMON_PID=
BTRFS_BYTES=256M # mkfs.btrfs refuses less than 109 MiB
XFS_BYTES=320M   # mkfs.xfs refuses less than 300 MiB
EXT4_BYTES=128M
SOURCE_BYTES=6G  # tmpfs that holds the images: sparse, a ceiling only

note() { printf '%s\n' "$*"; }
skip() { printf 'skip: %s\n' "$*"; exit 77; }
# A part of a test that cannot run here says so, visibly, and the rest goes on.
skip_part() { printf 'skip: %s: %s\n' "$SYSTEM_NAME" "$*"; }
pass() { CHECKS=$((CHECKS + 1)); [ -z "${VERBOSE:-}" ] || printf 'ok: %s\n' "$*"; }
fail() { CHECKS=$((CHECKS + 1)); FAILURES=$((FAILURES + 1)); printf 'FAIL: %s\n' "$*"; }
die() { fail "$*"; system_end; }

# check WHAT COMMAND...: the command must succeed. check_not: must not.
check() { local what=$1; shift; if "$@"; then pass "$what"; else fail "$what"; fi; }
check_not() { local what=$1; shift; if "$@"; then fail "$what"; else pass "$what"; fi; }
# check_equal WHAT GOT WANTED
check_equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: got '$2', wanted '$3'"; fi
}
# check_match WHAT TEXT EXTENDED_REGEX
check_match() {
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then
		pass "$1"
	else
		fail "$1: '$(printf '%s' "$2" | head -c 600)' does not match /$3/"
	fi
}

# nap SECONDS: without a process of its own. Nothing ever comes out of the pipe.
exec {NAP_FD}<> <(:)
nap() { read -rt "$1" -u "$NAP_FD" || :; }

# wait_for SECONDS COMMAND...: until it succeeds; fails at the limit.
wait_for() {
	local end=$((SECONDS + $1)); shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		nap 0.05
	done
}

# --- the private world -------------------------------------------------------------------

system_begin() {
	if [ "$(id -u)" != 0 ]; then skip "needs root"; fi
	: "${BUILD:?the build tree}"
	if [ "${SYSTEM_INSIDE:-}" != 1 ]; then
		unshare --mount true 2>/dev/null || skip "cannot make a mount namespace"
		unshare --pid --fork true 2>/dev/null || skip "cannot make a pid namespace"
		export SYSTEM_INSIDE=1
		exec unshare --mount --propagation private --pid --fork --kill-child \
			--mount-proc -- bash "$0" "$@"
	fi
	HELPERS=${HELPERS:-$BUILD/tests/system}
	CUSTOSD=${CUSTOSD:-$BUILD/daemon/custosd}
	CUSTOSCTL=${CUSTOSCTL:-$BUILD/ctl/custosctl}
	local program
	for program in "$CUSTOSD" "$CUSTOSCTL" "$HELPERS"/{open-routes,churn,seal-probe}; do
		[ -x "$program" ] || { note "FAIL: $program is not built"; exit 1; }
	done
	for program in jq setpriv timeout sha256sum; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	# As on a host run by systemd: what is mounted later reaches custosd's own namespace,
	# and so do unmounts. Nothing reaches the host: its propagation ended above.
	mount --make-rshared / || skip "cannot change mount propagation"
	world_make
	trap 'exit 143' TERM INT HUP
	trap system_cleanup EXIT
}

# A tmpfs over a standard directory that holds neither the sources nor the build: nothing
# to remove afterwards, whatever happens.
world_make() {
	local dir
	for dir in /srv /media /opt /mnt; do
		case "$BUILD/ $HELPERS/ $SYSTEM_DIR/ ${CUSTOSD}" in *"$dir/"*) continue ;; esac
		[ -d "$dir" ] && break
	done
	WORK=$dir
	mount -t tmpfs -o "mode=0755,size=$SOURCE_BYTES" tmpfs "$WORK" || die "mount $WORK"
	CONF=$WORK/conf RUN=$WORK/run STATE=$WORK/state FS=$WORK/fs
	mkdir -m 0755 "$CONF" "$RUN" "$STATE" "$FS" "$WORK/images" "$WORK/out"
	SOCKET=$RUN/io.custos.Manager
}

system_cleanup() {
	local status=$?
	trap - EXIT
	[ -z "$DAEMON_PID" ] || kill -KILL $(process_tree "$DAEMON_PID") 2>/dev/null
	# The rest (marks, mounts, loop devices) goes with the namespaces.
	exit "$status"
}

system_end() {
	[ -z "$DAEMON_PID" ] || custos_stop
	if [ "$CHECKS" = 0 ]; then note "FAIL: nothing was checked"; FAILURES=1; fi
	note "$SYSTEM_NAME: $CHECKS checks, $FAILURES failed"
	[ "$FAILURES" = 0 ] || show_daemon_log
	[ "$FAILURES" = 0 ] && exit 0
	exit 1
}

# --- file systems ------------------------------------------------------------------------

# fs_make TYPE [NAME] [OPTIONS]: mounts $FS/NAME (default TYPE). Return 1 with FS_WHY set
# when this machine cannot.
fs_make() {
	local type=$1 name=${2:-$1} options=${3:-defaults} image dir
	image=$WORK/images/$name dir=$FS/$name
	mkdir -p "$dir"
	if [ "$type" = tmpfs ]; then
		mount -t tmpfs -o "mode=0755,$options" "custos-$name" "$dir" ||
			{ FS_WHY="tmpfs cannot be mounted"; return 1; }
		return 0
	fi
	command -v "mkfs.$type" >/dev/null || { FS_WHY="mkfs.$type is not installed"; return 1; }
	case $type in
	ext4) truncate -s $EXT4_BYTES "$image" && mkfs.ext4 -q -F "$image" ;;
	xfs) truncate -s $XFS_BYTES "$image" && mkfs.xfs -q -f "$image" ;;
	btrfs) truncate -s $BTRFS_BYTES "$image" && mkfs.btrfs -q -f "$image" ;;
	*) false ;;
	esac >"$WORK/out/mkfs" 2>&1 || { FS_WHY="mkfs.$type failed: $(tail -1 "$WORK/out/mkfs")"; return 1; }
	mount -t "$type" -o "loop,$options" "$image" "$dir" 2>"$WORK/out/mount" ||
		{ FS_WHY="$type cannot be mounted: $(tail -1 "$WORK/out/mount")"; return 1; }
	chmod 0755 "$dir"
}

# Whether opens through an overlay raise events on the file systems of its layers.
overlay_is_seen() {
	local major minor
	IFS=. read -r major minor _ <<<"$(uname -r)"
	[ "$major" -gt 6 ] || { [ "$major" = 6 ] && [ "$minor" -ge 5 ]; }
}

# --- samples -----------------------------------------------------------------------------

# The EICAR test string, put together here so that no file of ours matches it.
eicar() {
	local head='X5O!P%@AP[4\PZX54(P^)7CC)7}$' tail='EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
	printf '%s' "$head$tail"
}
# Of the same length and shape, but not it.
eicar_twin() { eicar | tr 'X' 'Y'; }
# What the YARA rule written by config_rules matches.
YARA_MARK='custos-system-test-yara-mark'
hash_of() { sha256sum <"$1" | cut -d' ' -f1; }

# --- configuration -----------------------------------------------------------------------

# Write a file so that a reader sees the old or the new content, never half of it.
write_file() { cat >"$1.new" && chmod 0644 "$1.new" && mv -f "$1.new" "$1"; }

# config_write MOUNT...: custosd.conf with these mounts, and the lists as they stand.
# CONFIG_MODE, CONFIG_LIMITS and CONFIG_MORE add to it.
config_write() {
	local m
	{
		printf '[Daemon]\nMode=%s\n[Watch]\n' "${CONFIG_MODE:-enforce}"
		for m in "$@"; do printf 'Mount=%s\n' "$m"; done
		printf '[Limits]\n'
		[ -z "${CONFIG_LIMITS:-}" ] || printf '%s\n' "$CONFIG_LIMITS"
		printf '[Rules]\nHashes=%s\nYara=%s\n' "$CONF/block.sha256" "$CONF/rules.yar"
		[ -z "${CONFIG_MORE:-}" ] || printf '%s\n' "$CONFIG_MORE"
	} | write_file "$CONF/custosd.conf"
	[ -e "$CONF/block.sha256" ] || config_hashes
	[ -e "$CONF/rules.yar" ] || config_rules 0
}

# config_hashes FILE...: the block list holds these files' SHA-256 (and one of nothing known).
config_hashes() {
	{
		printf 'custos system test' | sha256sum
		[ $# = 0 ] || sha256sum -- "$@" | sed 's| .*/|  |'
	} | write_file "$CONF/block.sha256"
}

# config_rules SERIAL: one rule; the serial only makes every generation another text.
config_rules() {
	write_file "$CONF/rules.yar" <<-EOR
	rule custos_system_test { meta: serial = "$1" strings: \$m = "$YARA_MARK" condition: \$m }
	EOR
}

# config_policy: policy text on standard input.
config_policy() { mkdir -p -m 0755 "$CONF/policy.d" && write_file "$CONF/policy.d/50-test.rules"; }

# --- custosd -----------------------------------------------------------------------------

ctl() { timeout -k 1 "${CTL_SECONDS:-20}" "$CUSTOSCTL" --socket "$SOCKET" "$@"; }
status_json() { ctl --json=short status 2>/dev/null; }
# status_get JQ_EXPRESSION; a plain field, perhaps with a number for when it is missing, without jq
status_get() {
	if [[ $1 =~ ^((\.[A-Za-z]+)+)(\ //\ ([0-9]+))?$ ]]; then
		"$HELPERS/status-get" "$SOCKET" "${BASH_REMATCH[1]}" ${BASH_REMATCH[4]:+"${BASH_REMATCH[4]}"} 2>/dev/null
	else
		status_json | jq -r "$1" 2>/dev/null
	fi
}
state_is() { [ "$(status_get .state)" = "$1" ]; }
scanner_pid() { status_get '.processes.scanner // 0'; }
# new_scanner OLD: a scanner with another pid runs.
new_scanner() {
	local pid
	pid=$(scanner_pid)
	[ "${pid:-0}" -gt 1 ] && [ "$pid" != "$1" ] && kill -0 "$pid" 2>/dev/null
}
newer_generation() { local n; n=$(status_get .rules.generation); [ "${n:-0}" -gt "$1" ]; }
# The pid of a process and of all its descendants, parents first.
process_tree() {
	local child
	echo "$1"
	for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do process_tree "$child"; done
}

fds_of() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }

# custos_launch [ARG...]: start custosd in the background, without waiting. DAEMON_PREFIX
# (array) may put it under another program.
custos_launch() {
	# In the foreground, or timeout would pass signals on to the whole process group, and a
	# SIGCONT after them, which takes back the SIGSTOP of a leak search.
	timeout --foreground -k 5 "${CUSTOS_TIME_LIMIT:-240}" "${DAEMON_PREFIX[@]}" "$CUSTOSD" \
		--config-root "$CONF" --runtime-dir "$RUN" --state-dir "$STATE" "$@" \
		>"$WORK/out/daemon.out" 2>"$WORK/out/daemon.err" </dev/null &
	DAEMON_PID=$!
}
DAEMON_PREFIX=()

# custos_start [STATE]: and wait until it says STATE (default enforcing).
custos_start() {
	custos_launch
	wait_for 30 ready_or_gone "${1:-enforcing}"
	if ! state_is "${1:-enforcing}"; then
		die "custosd did not become ${1:-enforcing}: $(status_json)"
	fi
	DAEMON_PIDS=$(process_tree "$DAEMON_PID")
}
ready_or_gone() { state_is "$1" || ! kill -0 "$DAEMON_PID" 2>/dev/null; }

show_daemon_log() {
	local f
	for f in "$WORK"/out/daemon.*; do
		[ -s "$f" ] || continue
		note "--- $(basename "$f") (last lines)"
		tail -n 60 "$f"
	done
}

sanitizer_report() {
	grep -hE 'ERROR: (Address|Leak|Thread|Memory)Sanitizer|runtime error:|SUMMARY: ' \
		"$WORK"/out/daemon.err
}

is_sanitized() { grep -q __asan_init "$CUSTOSD"; }
# In a sanitizer build custosd looks for leaks when it ends. Would it find one in here?
check_leak_search() {
	check_match "a leak would be found" "$("$HELPERS/leak" 2>&1)" 'ERROR: LeakSanitizer'
}

# No process of this world holds a fanotify group with a mark.
no_marks() { ! grep -lqsE '^fanotify (sdev|mnt_id|ino):' /proc/[0-9]*/fdinfo/*; }
# No process of this world waits in the kernel for an answer.
no_waiters() {
	local stat
	for stat in /proc/[0-9]*/stat; do
		# state follows the last parenthesis
		case $(sed 's/.*) //' "$stat" 2>/dev/null) in D*) return 1 ;; esac
	done
}

# custos_stop: orderly, and check what must hold after every stop.
custos_stop() {
	local status began=$SECONDS supervisor
	supervisor=$(status_get '.processes.supervisor // 0')
	kill -TERM "$DAEMON_PID" 2>/dev/null
	wait "$DAEMON_PID"; status=$?
	DAEMON_PID=
	check_equal "custosd exits 0 on SIGTERM" "$status" 0
	check "custosd stops within 5 s" [ $((SECONDS - began)) -le 5 ]
	check "no process of custosd is left" wait_for 3 process_gone "${supervisor:-0}"
	check "no mark is left" wait_for 3 no_marks
	check_equal "no sanitizer report" "$(sanitizer_report)" ""
}
process_gone() {
	local pid
	for pid in ${DAEMON_PIDS:-} "$1"; do
		[ "$pid" = 0 ] || [ ! -e "/proc/$pid" ] || return 1
	done
}

# --- opens -------------------------------------------------------------------------------

# Every open is made by a helper under a time limit: one that hangs is a failure, not a
# hung test. SIGKILL ends the wait for an answer.
route() { timeout -s KILL 20 "$HELPERS/open-routes" "$@" 2>&1 || [ $? = 77 ]; }
open_refused() { local f; for f in "$@"; do check_equal "open of $f is refused" "$(route open "$f")" EPERM; done; }
open_ok() { local f; for f in "$@"; do check_match "open of $f succeeds" "$(route open "$f")" '^ok '; done; }
refused() { [ "$(route open "$1")" = EPERM ]; }
opens() { [[ "$(route open "$1")" == "ok "* ]]; }
