#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Booting the root file system with systemd-nspawn, on this machine's kernel.
#
# Mount=auto marks every file system that is visible in there, so none of this machine's may be. The
# root is a tmpfs made here, nspawn's bind mount of /usr/lib/os-release gets another file to bind, and
# a unit that custosd requires compares devices and fails when one of the machine's is among them.

# shellcheck disable=SC2317 # cleanup is called by trap
# shellcheck disable=SC2034 # those who source this use them

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
BOOT_SECONDS=90

# A control group of its own, and a view of them as systemd wants it; the machine keeps its own view.
own_cgroup() {
	CGROUP=/sys/fs/cgroup/custos-boot-$$
	umount -l /sys/fs/cgroup 2>/dev/null
	mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || skip "cgroup2 cannot be mounted"
	mkdir "$CGROUP" 2>/dev/null || skip "no control group can be made"
	echo $$ >"$CGROUP/cgroup.procs" || skip "a control group cannot be entered"
}

own_container() {
	mkdir -p /run/systemd/nspawn
	mount -t tmpfs tmpfs /run/systemd/nspawn || skip "cannot mount a tmpfs"
	# nspawn shows its host's os-release inside, which would bring the host's disk along.
	cp /usr/lib/os-release "$WORK/os-release"
	mount --bind "$WORK/os-release" /usr/lib/os-release || skip "cannot hide /usr/lib/os-release"
	own_cgroup
	trap cleanup EXIT
}

# Whatever still runs is in our control group and nowhere else.
cleanup() {
	local status=$? parent

	trap - EXIT
	keep_output
	parent=$(dirname "$CGROUP")
	echo $$ >"$parent/cgroup.procs"
	[ ! -f "$CGROUP/cgroup.kill" ] || echo 1 >"$CGROUP/cgroup.kill"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		find "$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.1
	done
	exit "$status"
}

# custosd does not start in there when something of this machine is visible.
guard_foreign() {
	printf '%s\n' "$FOREIGN" >"$ROOT/opt/test/foreign"
	unit guard sysinit.target \
		'DefaultDependencies=no\nAfter=systemd-remount-fs.service\nBefore=custosd.service' \
		'RemainAfterExit=yes\nExecStart=/bin/sh /opt/test/guard'
	mkdir -p "$ROOT/etc/systemd/system/custosd.service.d"
	printf '[Unit]\nRequires=guard.service\nAfter=guard.service\n' \
		>"$ROOT/etc/systemd/system/custosd.service.d/guard.conf"
	cat >"$ROOT/opt/test/guard" <<-'END'
		awk '{ print $3, $5 }' /proc/self/mountinfo | while read -r dev where; do
			! grep -qxF "$dev" /opt/test/foreign || echo "$dev $where"
		done >/out/foreign.txt
		test ! -s /out/foreign.txt
	END
}

# Mount=auto marks what the container sees. That must be ours: refuse to start otherwise.
refuse_foreign() {
	local source

	source=$(findmnt --noheadings --output SOURCE --target "$ROOT")
	[ "$source" = custos-boot ] || { note "FAIL: $ROOT lies on $source"; exit 1; }
	[ -s "$ROOT/opt/test/foreign" ] || { note "FAIL: no list of this machine's devices"; exit 1; }
}

# boot LOG: until the machine turns itself off
boot() {
	refuse_foreign
	timeout --kill-after=5 $BOOT_SECONDS systemd-nspawn --quiet --directory="$ROOT" \
		--bind="$OUT:/out" --boot --register=no --keep-unit --private-network --link-journal=no \
		--resolv-conf=off --timezone=off --console=read-only --kill-signal=SIGRTMIN+3 \
		--system-call-filter="fanotify_init fanotify_mark landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
		</dev/null >"$OUT/$1" 2>&1
	BOOT_STATUS=$?
}

# The last boot went through, and saw nothing of this machine.
check_came_up() {
	[ -f "$OUT/done" ] || {
		fail "the system did not get through in $BOOT_SECONDS s (nspawn $BOOT_STATUS)"
		tail -n 30 "$OUT/console.txt"
		read_journal "$ROOT"
		jq -r '.MESSAGE | tostring' "$OUT/custosd.json" | tail -20
		finish
	}
	check_equal "file systems of this machine seen inside" "$(cat "$OUT/foreign.txt")" ''
}
