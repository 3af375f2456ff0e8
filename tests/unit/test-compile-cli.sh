#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# custos-compile: exit codes and messages. Usage: test-compile-cli.sh PROGRAM
set -u
umask 022
compile=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

# expect NAME EXIT-CODE STDOUT STDERR-LINES ARGUMENT...
expect() {
	name=$1 code=$2 out=$3 lines=$4
	shift 4
	"$compile" "$@" >out 2>err 3>image
	got=$?
	if [ "$got" != "$code" ] || [ "$(cat out)" != "$out" ] ||
		[ "$lines" != any ] && [ "$(cat err)" != "$lines" ]; then
		echo "FAIL $name: exit $got"
		cat out err
		failed=1
	fi
}

md5=0123456789abcdef0123456789abcdef
echo 'rule a { condition: true }' >good.yar
echo 'rule a { condition: oops }' >bad.yar
echo "$md5$md5  x" >good.hashes
echo "$md5" >md5.hashes
echo 'x' >open.yar
chmod 666 open.yar

expect all_good 0 'yara=1 hashes=2 allow=1' '' --out-fd 3 --yara good.yar \
	--hashes good.hashes --hashes md5.hashes --allow-hashes good.hashes
# A file of a tmpfs has seals, too, and the one that forbids all others.
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && : >"/dev/shm/custos-cli.$$"; then
	if ! "$compile" --out-fd 3 --yara good.yar >out 2>err 3<>"/dev/shm/custos-cli.$$" ||
		[ "$(cat out)" != 'yara=1 hashes=0 allow=0' ]; then
		echo "FAIL on a tmpfs: $(cat err)"
		failed=1
	fi
	rm -f "/dev/shm/custos-cli.$$"
fi
expect nothing 0 'yara=0 hashes=0 allow=0' '' --out-fd 3
expect every_error 1 '' 'open.yar: writable by others than its owner (mode 0666)
none: No such file or directory
md5.hashes:1: MD5 cannot allow a file: another file with the same MD5 can be made; use SHA-256
bad.yar:1: undefined identifier "oops"' --out-fd 3 --yara open.yar --yara bad.yar \
	--hashes none --allow-hashes md5.hashes
# What is refused as a whole says why, and nothing is built.
echo 'Test.Sig:0:*:deadbeef' >sigs.ndb
cp sigs.ndb unnamed
echo "$md5:1:Test.A" >some.hdb
echo "$md5$md5:1:Test.B" >>some.hdb
cp some.hdb some.sfp
printf 'Test.A\nTest.Other:%s\n' "$md5" >some.ign2
printf 'name,md5\nX,%s\n' "$md5" >some.csv
body='ClamAV body signatures look for bytes inside of files, they are not hashes of files: write them as YARA rules'
expect refused 1 '' "sigs.ndb: $body
unnamed:1: $body
some.sfp: ClamAV's list of false positives: give it with AllowHashes=
some.hdb: ClamAV's list of malware, but given as one of what is allowed
some.ign2: names of signatures to ignore belong to Hashes=, they allow no file" \
	--out-fd 3 --hashes sigs.ndb --hashes unnamed --hashes some.sfp --hashes good.hashes \
	--allow-hashes some.hdb --allow-hashes some.ign2
expect ignored 0 'yara=0 hashes=2 allow=0' '' --out-fd 3 --hashes some.hdb --hashes some.ign2 \
	--hashes some.csv
expect allow_sfp 1 '' 'some.sfp:1: MD5 cannot allow a file: another file with the same MD5 can be made; use SHA-256' \
	--out-fd 3 --allow-hashes some.sfp
seq 300 >many
expect first_errors_shown 1 '' "$(seq 200 | sed 's/.*/many:&: expected a hash of 32, 40 or 64 hexadecimal digits/')
... and 100 more" --out-fd 3 --hashes many
expect no_output 2 '' any --yara good.yar
expect uid_without_gid 2 '' any --out-fd 3 --uid 1
expect not_a_number 2 '' any --out-fd 3x
expect closed_output 1 '' any --out-fd 99

# The self-test: no rule matches what every host has.
cat >elf.yar <<'EOR'
import "elf"

rule fine { strings: $a = "no such text" condition: $a }
rule elf { condition: uint32(0) == 0x464c457f }
EOR
echo 'rule every { condition: filesize > 0 }' >every.yar
echo 'rule never { condition: false }' >never.yar
"$compile" --out-fd 3 --self-test refuse --yara elf.yar --yara never.yar >out 2>err 3>image && failed=1
if ! grep -Eqx 'elf.yar:4: rule elf matches /[^ ]*, a harmless file of this host' err ||
	[ "$(wc -l <err)" != 1 ] || [ -s out ]; then
	echo "FAIL self_test_refuses"
	cat out err
	failed=1
fi
expect self_test_leaves_out 0 'yara=1 hashes=0 allow=0 unfit' '' --out-fd 3 --self-test leave-out \
	--yara every.yar --yara never.yar
expect self_test_is_good 0 'yara=1 hashes=0 allow=0' '' --out-fd 3 --self-test refuse \
	--yara never.yar
expect self_test_unknown 2 '' any --out-fd 3 --self-test maybe
expect self_test_twice 2 '' any --out-fd 3 --self-test refuse --self-test refuse
expect budget_alone 2 '' any --out-fd 3 --rule-budget 1
expect budget_zero 2 '' any --out-fd 3 --self-test refuse --rule-budget 0
expect budget 0 'yara=1 hashes=0 allow=0' '' --out-fd 3 --self-test refuse \
	--rule-budget 9000000000 --yara never.yar

# What was kept is taken for the same inputs, and for no others.
keep() {
	printf CUSTOSKI
	sed -n '1s/^key=//p' out | python3 -c "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))"
	head -c 24 /dev/zero
	cat image
}
# kept NAME NOTE ARGUMENT...: the last line ends with NOTE, the image is the one of before, or not
kept() {
	name=$1 note=$2
	shift 2
	if ! "$compile" --out-fd 3 --key --kept-fd 4 "$@" >out 2>err 3>image 4<kept ||
		[ "$(tail -n 1 out)" != "$note" ]; then
		echo "FAIL $name"
		cat out err
		failed=1
	fi
}
if command -v python3 >/dev/null; then
	"$compile" --out-fd 3 --key --yara good.yar --hashes good.hashes >out 3>image || failed=1
	keep >kept
	cp image first
	kept same 'yara=1 hashes=1 allow=0 kept' --yara good.yar --hashes good.hashes
	cmp image first || failed=1
	kept other_inputs 'yara=1 hashes=0 allow=0' --yara good.yar
	echo 'rule b { condition: false } rule c { condition: false }' >>good.yar
	kept other_text 'yara=3 hashes=1 allow=0' --yara good.yar --hashes good.hashes
	keep >kept
	printf x | dd of=kept bs=1 seek=500 conv=notrunc 2>/dev/null
	kept damaged 'yara=3 hashes=1 allow=0' --yara good.yar --hashes good.hashes
	keep >kept
	kept taken 'yara=3 hashes=1 allow=0 kept' --yara good.yar --hashes good.hashes
fi
expect kept_without_key 2 '' any --out-fd 3 --kept-fd 4
exit $failed
