#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts share that run in a booted system. They write key=value to /out/inside.txt and judge nothing.

exec >/out/inside.txt 2>/out/inside.err
set -u
export LC_ALL=C
T=/opt/test
BAIT=$T/eicar.com
# Services of early boot that may run before custosd is ready: they are Debian's own and bring up what custosd
# needs, or come at the same time. A name here is one that was looked at.
EARLY="bait-before.service custosd.service guard.service kmod-static-nodes.service modprobe@.*.service
systemd-fsck-root.service systemd-journal-flush.service systemd-journald.service systemd-machine-id-commit.service
systemd-modules-load.service systemd-random-seed.service systemd-remount-fs.service systemd-sysctl.service
systemd-sysusers.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup.service
systemd-udev-trigger.service systemd-udevd.service systemd-firstboot.service systemd-pstore.service
systemd-update-utmp.service"

tell() { printf '%s=%s\n' "$1" "$2"; }
status() { timeout 10 custosctl status --field "$1"; }
# The JSON-quoted path of an open that should have been refused; `jq` prints a journal's field like this.
refused() { printf '%s\n' "$1" >>/out/refused.txt; }

# try_read PATH [JSON]: "read", or why not
try_read() {
	local why

	if why=$(timeout 10 cat "$1" 2>&1 >/dev/null); then
		echo read
	else
		refused "${2:-\"$1\"}"
		echo "${why##*: }"
	fi
}

write_eicar() {
	# shellcheck disable=SC2016 # not variables: the 68 bytes as they are
	printf '%s%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$' 'EICAR-STANDARD-ANTIVIRUS' '-TEST-FILE!$H+H*' >"$1"
}

# wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

is_up() { [ "$(status state 2>/dev/null)" = enforcing ]; }

# Every service that ran: when its main process started, whether it is ordinary (DefaultDependencies=yes), name.
list_order() {
	local unit

	for unit in $(systemctl list-units --all --plain --no-legend --type=service | awk '{print $1}'); do
		systemctl show "$unit" -P ExecMainStartTimestampMonotonic -P DefaultDependencies -P Id |
			paste -s
	done | awk '{ id = $1; for (i = 1; i <= NF; i++) if ($i ~ /\.service$/) id = $i
		else if ($i == "yes" || $i == "no") d = $i; else t = $i
		if (t > 0) print t, d, id }' | sort -n
}

# Who ran before custosd said READY=1. A custosd that never did is later than everybody.
report_order() {
	local ready

	ready=$(systemctl show custosd.service -P ActiveEnterTimestampMonotonic)
	[ "${ready:-0}" -gt 0 ] || ready=999999999999
	list_order >/out/order.txt
	echo "$ready - custosd.service is ready" >>/out/order.txt
	tell started_before "$(awk -v ready="$ready" \
		'$1 < ready && $2 == "yes" { printf "%s%s", s, $3; s = " " }' /out/order.txt)"
	tell early_strangers "$(awk -v ready="$ready" -v known="$EARLY" 'BEGIN { n = split(known, k) }
		$1 < ready && $2 == "no" { for (i = 1; i <= n; i++) if ($3 ~ "^" k[i] "$") next
			printf "%s%s", s, $3; s = " " }' /out/order.txt)"
}

at_boot() {
	timeout "${1:-30}" systemctl is-system-running --wait >/dev/null
	refused "\"$BAIT\"" # bait-early
	refused "\"$BAIT\"" # bait-late
	refused "\"$T/listed\""
	tell startup "$(systemd-analyze time | head -1)"
	tell state "$(status state)"
	report_order
	tell bait_exec "$(systemctl show bait-exec.service -P Result) $(
		systemctl show bait-exec.service -P ExecMainStatus)"
	custosctl --json status >/out/status.json
	tell root_coverage "$(custosctl status | awk '$1 == "/" {print $4}')"
	tell failed_coverage "$(custosctl status | awk '$4 == "failed" {printf "%s ", $1}')"
	custosctl doctor >/out/doctor.txt 2>&1
	tell scanner_locked_kib "$(awk '$1 == "VmLck:" { print $2 }' "/proc/$(custosctl status --field processes.scanner)/status")"
	tell doctor_failures "$(sed -n 's/.* \([0-9]*\) failures\{0,1\}$/\1/p' /out/doctor.txt)"
}

turn_off() {
	sleep 0.3 # custosd writes to the journal from a thread of its own
	journalctl --sync
	touch /out/done
	systemctl poweroff --no-block
}
