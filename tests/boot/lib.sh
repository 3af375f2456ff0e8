#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the boot tests share: a world of their own, the package, the root file system it is installed into,
# and what is judged after a boot, wherever that was.
#
# Expensive things are made once and kept in $BUILD/boot-cache: the package (made again when a source file
# is newer), Debian's root file system and kernels (made again after a day).
# Environment: BUILD (build tree). KEEP=DIR copies the journal and all output there.
# CUSTOS_BOOT_ALL=1 runs also what takes long.

# shellcheck disable=SC2016 # what others expand is quoted on purpose
# shellcheck disable=SC2317 # cleanup is called by trap
# shellcheck disable=SC2034 # those who source this use them

set -u
export LC_ALL=C
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(dirname "$(dirname "$HERE")")
ROOTFS_SECONDS=150
PACKAGE_SECONDS=300
CACHE_MINUTES=1440
LIBRARIES=libyara9,libarchive13,zlib1g,libssl3,liburcu8,libcap2,libseccomp2,libsystemd0,libjansson4,libmount1
SYSTEM=usr-is-merged,systemd,systemd-sysv,dbus,udev,libnss-systemd,kmod
TEST=$(basename "$0")
FAILURES=0
CHECKS=0

note() { printf '%s\n' "$*"; }
skip() { printf 'skip: %s\n' "$*"; exit 77; }
pass() { CHECKS=$((CHECKS + 1)); [ -z "${VERBOSE:-}" ] || printf 'ok: %s\n' "$*"; }
fail() { CHECKS=$((CHECKS + 1)); FAILURES=$((FAILURES + 1)); printf 'FAIL: %s\n' "$*"; }
check() { local what=$1; shift; if "$@"; then pass "$what"; else fail "$what"; fi; }
check_equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: got '$2', wanted '$3'"; fi
}
check_below() {
	if [[ "$2" =~ ^-?[0-9]+$ ]] && [ "$2" -lt "$3" ]; then pass "$1"; else fail "$1: got '$2', wanted less than $3"; fi
}
only_with_all() { [ "${CUSTOS_BOOT_ALL:-}" = 1 ] || skip "$1; CUSTOS_BOOT_ALL=1 (runtests --all) runs it"; }

# --- the private world -------------------------------------------------------------------

# begin PROGRAM...: root, the programs, a mount namespace of our own
begin() {
	local program

	[ "$(id -u)" = 0 ] || skip "needs root"
	: "${BUILD:?the build tree}"
	for program in mmdebstrap dpkg-buildpackage dh jq "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	[ "${BOOT_INSIDE:-}" != 1 ] || return 0
	unshare --mount true 2>/dev/null || skip "cannot make a mount namespace"
	export BOOT_INSIDE=1
	exec unshare --mount --propagation private -- bash "$0" "${ARGUMENTS[@]}"
}

# Devices of all this machine has mounted, but for file systems that no scanner can mark.
list_foreign() {
	awk '{ for (i = 7; $i != "-"; i++); type = $(i + 1) }
		type !~ /^(proc|sysfs|cgroup2?|devpts|mqueue|bpf|tracefs|debugfs|securityfs|hugetlbfs)$/ \
			{ print $3 }' /proc/self/mountinfo | sort -u
}

# own_tmpfs: $WORK, with $ROOT and $OUT below
own_tmpfs() {
	FOREIGN=$(list_foreign)
	[ "$FOREIGN" ] || { note "FAIL: no mounts found"; exit 1; }
	mount -t tmpfs -o mode=0755,size=64m tmpfs /srv || skip "cannot mount a tmpfs"
	WORK=/srv ROOT=/srv/root OUT=/srv/out CACHE=$BUILD/boot-cache
	mkdir "$ROOT" "$OUT"
	mkdir -p "$CACHE"
	mount -t tmpfs -o mode=0755,size=2g custos-boot "$ROOT" || skip "cannot mount a tmpfs"
	mount -t tmpfs -o mode=0755,size=1g custos-boot-out "$OUT" || skip "cannot mount a tmpfs"
	exec 8>"$CACHE/lock"
	trap 'exit 143' TERM INT HUP
	trap 'keep_output; exit' EXIT
}

keep_output() {
	[ -z "${KEEP:-}" ] || { mkdir -p "$KEEP" && cp -r "$OUT/." "$KEEP"; }
}

# --- made once -----------------------------------------------------------------------------

# Files of a day ago are not looked at again: the mirror may have newer ones.
is_fresh() { [ "$(find "$1" -maxdepth 0 -mmin -$CACHE_MINUTES 2>/dev/null)" ]; }

mirror() { apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -1; }

# Debian 12 as a tar file.
fetch_root() {
	local source began=$SECONDS log=$OUT/mmdebstrap.txt

	flock 8
	is_fresh "$CACHE/root.tar" || {
		# Where this machine has its own packages from.
		source=$(mirror)
		[ -n "$source" ] || skip "no package mirror is configured"
		TMPDIR=$ROOT timeout --kill-after=5 $ROOTFS_SECONDS mmdebstrap --quiet --variant=essential \
			--format=tar --aptopt='Apt::Install-Recommends "false"' \
			--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
			--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--include="$SYSTEM,$LIBRARIES" bookworm - "$source" >"$CACHE/root.new" 2>"$log" ||
			skip "no Debian 12 root file system within $ROOTFS_SECONDS s: $(
				grep -m1 -E '^E:' "$log" | sed -E 's|https?://[^ ]*|the mirror|g')"
		mv "$CACHE/root.new" "$CACHE/root.tar"
		note "root file system: $((SECONDS - began)) s"
	}
	flock -u 8
}

# No source file is newer than the package.
is_package_current() {
	[ -s "$CACHE/custos.deb" ] && [ -z "$(find "$SOURCE" \
		\( -path "$SOURCE/build*" -o -path "$SOURCE/.git" -o -path "$SOURCE/tests" \) -prune \
		-o -type f -newer "$CACHE/custos.deb" -print -quit)" ]
}

build_package() {
	local began=$SECONDS dir=$CACHE/package

	rm -rf "$dir" "$CACHE/custos.deb"
	mkdir -p "$dir/custos"
	touch "$dir/began"
	tar -c -C "$SOURCE" --exclude='./build*' --exclude=./.git . | tar -x -C "$dir/custos"
	(cd "$dir/custos" && unset BOOT_INSIDE MAKEFLAGS &&
		DEB_BUILD_OPTIONS='nocheck noautodbgsym' timeout --kill-after=5 $PACKAGE_SECONDS \
			dpkg-buildpackage --build=binary --no-sign) >"$dir/log" 2>&1 || {
		tail -20 "$dir/log"
		fail "the package does not build within $PACKAGE_SECONDS s"
		finish
	}
	rm -rf "$dir/custos"
	cp "$dir"/custos_*.deb "$CACHE/custos.deb"
	touch --reference="$dir/began" "$CACHE/custos.deb"
	note "package: $((SECONDS - began)) s"
}

# The package, as `dpkg-buildpackage` makes it of the source tree this file lies in.
fetch_package() {
	flock 8
	is_package_current || build_package
	flock -u 8
	cp "$CACHE/package/log" "$OUT/package.txt"
}

# fetch_kernel 6.1: $KERNEL, a folder with what Debian's newest such cloud kernel has (NVMe and ext4 built in)
fetch_kernel() {
	local name

	KERNEL=$CACHE/kernel-$1
	flock 8
	is_fresh "$KERNEL" || {
		name=$(apt-cache pkgnames "linux-image-$1." |
			grep -E "^linux-image-${1//./\\.}\.[0-9.]+(-[0-9]+|\+deb12)-cloud-amd64$" | sort -V | tail -1)
		[ -n "$name" ] || skip "no Debian kernel $1 in the package lists"
		rm -rf "$KERNEL" "$CACHE/download"
		mkdir -p "$KERNEL" "$CACHE/download"
		(cd "$CACHE/download" && apt-get -qq download "$name" >/dev/null 2>&1) ||
			skip "the kernel $name cannot be downloaded"
		dpkg-deb --extract "$CACHE"/download/*.deb "$KERNEL" || skip "the kernel $name cannot be unpacked"
		rm -rf "$CACHE/download"
		touch "$KERNEL"
	}
	flock -u 8
}

make_root() {
	fetch_root
	tar -x -C "$ROOT" --numeric-owner --exclude=./dev/'*' -f "$CACHE/root.tar" || skip "the root file system cannot be unpacked"
	mkdir -p "$ROOT/dev"
}

# in_root COMMAND...: with what maintainer scripts expect to be there
in_root() {
	mount --bind /dev/null "$ROOT/dev/null" 2>/dev/null || {
		: >"$ROOT/dev/null"
		mount --bind /dev/null "$ROOT/dev/null"
	}
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$ROOT" "$@"
	local status=$?
	umount "$ROOT/dev/null"
	rm -f "$ROOT/dev/null"
	return $status
}

# As an administrator does it, offline.
install_custos() {
	fetch_package
	cp "$CACHE/custos.deb" "$ROOT/tmp/"
	in_root dpkg --install /tmp/custos.deb >"$OUT/install.txt" 2>&1 ||
		{ fail "dpkg --install: $(tail -3 "$OUT/install.txt")"; finish; }
	rm "$ROOT/tmp/custos.deb"
}

check_installed() {
	check "the scanner's user is there" grep -q '^custos-scan:' "$ROOT/etc/passwd"
	check "the observers' group is there" grep -q '^custos:' "$ROOT/etc/group"
	check_equal "the package enables the service" \
		"$(systemctl --root="$ROOT" is-enabled custosd.service 2>&1)" enabled
}

# --- what the test brings -------------------------------------------------------------------

eicar() {
	printf '%s%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$' 'EICAR-STANDARD-ANTIVIRUS' '-TEST-FILE!$H+H*'
}

# unit NAME WANTED-BY SECTION-UNIT-LINES SECTION-SERVICE-LINES
unit() {
	local dir=$ROOT/etc/systemd/system

	printf '[Unit]\nDescription=custos boot test: %s\n%b\n[Service]\nType=oneshot\n%b\n' \
		"$1" "$3" "$4" >"$dir/$1.service"
	mkdir -p "$dir/$2.wants"
	ln -sf "../$1.service" "$dir/$2.wants/$1.service"
}

# furnish SCRIPT: baits, a list of hashes, units that touch them, and what runs inside
furnish() {
	local try='/bin/sh /opt/test/try'

	mkdir -p "$ROOT/opt/test" "$ROOT/etc/custos/custosd.conf.d" "$ROOT/var/log/journal" "$ROOT/out"
	eicar >"$ROOT/opt/test/eicar.com"
	echo 'a clean file' >"$ROOT/opt/test/clean.txt"
	cp "$ROOT/usr/bin/true" "$ROOT/opt/test/listed"
	echo custos >>"$ROOT/opt/test/listed"
	sha256sum <"$ROOT/opt/test/listed" >"$ROOT/etc/custos/site.sha256"
	printf '[Rules]\nHashes=/etc/custos/site.sha256\n' >"$ROOT/etc/custos/custosd.conf.d/60-test.conf"
	install -m 0755 "$HERE/$1" "$ROOT/opt/test/inside"
	install -m 0644 "$HERE/inside-lib.sh" "$ROOT/opt/test/inside-lib.sh"
	# LABEL: what a unit could read, one line each
	cat >"$ROOT/opt/test/try" <<-'END'
		[ "$1" != before ] || rm -f /out/tries.txt /out/inside.txt /out/refused.txt /out/done
		for f in clean.txt eicar.com; do
			if why=$(cat /opt/test/$f 2>&1 >/dev/null); then r=read; else r=${why##*: }; fi
			echo "$1 $f $r" >>/out/tries.txt
		done
		[ "$1" != early ] || [ ! -c /dev/ttyS0 ] || echo custos-test: early >/dev/ttyS0
	END
	unit bait-before sysinit.target \
		'DefaultDependencies=no\nAfter=systemd-remount-fs.service\nBefore=custosd.service' \
		"ExecStart=$try before"
	# Not before sysinit.target: custosd itself must be, or ordinary services do not wait for it.
	unit bait-early sysinit.target 'DefaultDependencies=no\nAfter=custosd.service' "ExecStart=$try early"
	unit bait-late multi-user.target '' "ExecStart=$try late"
	unit bait-exec multi-user.target '' 'ExecStart=/opt/test/listed'
	# Not oneshot: the boot would wait for it, and it waits for the boot.
	unit inside multi-user.target '' 'Type=exec\nExecStart=/bin/bash /opt/test/inside'
	echo custos-boot >"$ROOT/etc/hostname"
	: >"$ROOT/etc/machine-id"
	ln -sf /dev/null "$ROOT/etc/systemd/system/systemd-networkd-wait-online.service"
}

# --- what the journal says -----------------------------------------------------------------

# read_journal DIR: of the last boot; where /var/log/journal and /etc/machine-id of the system are
read_journal() {
	journalctl --directory="$1/var/log/journal/$(cat "$1/etc/machine-id")" \
		--output=json --all --quiet >"$OUT/journals.json" 2>"$OUT/journalctl.txt"
	jq -c --arg boot "$(tail -1 "$OUT/journals.json" | jq -r ._BOOT_ID)" 'select(._BOOT_ID == $boot)' \
		"$OUT/journals.json" >"$OUT/journal.json"
	jq -c 'select(._SYSTEMD_UNIT == "custosd.service" and .SYSLOG_IDENTIFIER == "custosd")' \
		"$OUT/journal.json" >"$OUT/custosd.json"
	# Those of a bait that is tried all the time while custosd ends and starts are not counted.
	jq -c 'select(.CUSTOS_ACTION == "deny" and .FILE_PATH != "/opt/test/gap.com")' \
		"$OUT/custosd.json" >"$OUT/denials.json"
}

# of KEY: what was noted inside under it
of() { sed -n "s/^$1=//p" "$OUT/inside.txt"; }
said() { check_equal "$1: $2" "$(of "$2")" "$3"; }
tried() { check_equal "$1 reads $2" "$(sed -n "s/^$1 $2 //p" "$OUT/tries.txt")" "$3"; }
denials() { jq -r --arg path "$1" 'select(.FILE_PATH == $path) | .EVENT_ACTION' "$OUT/denials.json"; }

# Protected from the first ordinary service on.
check_boot() {
	tried before eicar.com read # the bait is good
	tried before clean.txt read
	tried early eicar.com 'Operation not permitted'
	tried early clean.txt read
	tried late eicar.com 'Operation not permitted'
	tried late clean.txt read
	said "a unit whose program is listed" bait_exec 'exit-code 203'
	said "the state at boot" state enforcing
	said "the root file system is covered" root_coverage protected
	said "no coverage failed" failed_coverage ''
	said "doctor" doctor_failures 0
	[ -z "${HAS_LIMITS:-}" ] || check "the scanner's memory is locked: $(of scanner_locked_kib) KiB" \
		[ "$(of scanner_locked_kib)" -gt 0 ]
	said "ordinary services that started before custosd was ready" started_before ''
	said "others that did, and have no business to" early_strangers ''
	check_equal "denials of the listed program" "$(denials /opt/test/listed)" file-exec-denied
}

finish() {
	note "$TEST${VARIANT:+ $VARIANT}: $CHECKS checks, $FAILURES failed"
	if [ "$FAILURES" != 0 ]; then
		note "-- tail of what was said inside"
		tail -n 40 "$OUT/inside.txt" "$OUT/inside.err" "$OUT/tries.txt" "$OUT/doctor.txt" \
			"$OUT/order.txt" 2>/dev/null
		exit 1
	fi
	exit 0
}
