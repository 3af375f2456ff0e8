#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# custosctl convert: what comes out, and that nothing does after an error. Usage: convert.sh
# CUSTOSCTL COMPILER FIXTURES
set -u
umask 022
ctl=$(realpath "$1") compiler=$(realpath "$2") fixtures=$(realpath "$3")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail() {
	echo "FAIL $*"
	failed=1
}

# expect NAME EXIT-CODE STDOUT PATTERN-IN-STDERR ARGUMENT...
expect() {
	name=$1 code=$2 out=$3 pattern=$4
	shift 4
	"$ctl" convert "$@" >out 2>err
	got=$?
	if [ "$got" != "$code" ] || [ "$(cat out)" != "$out" ] || ! grep -q -- "$pattern" err; then
		fail "$name: exit $got"
		cat out err
	fi
}

h=0123456789abcdef0123456789abcdef
r=$(echo $h | rev)
indicators="$h$h:*:Bad_Thing__x:73
${h}01234567:*:Bad_Thing__x:73
$r$r:*:Bad_Thing__x:73"
cp "$fixtures"/* .
expect stix 0 "$indicators" '^3 hashes, 1 objects or rows left out$' stix good
expect stix_files 0 "$indicators
${h#0}${h}f:68:a_b" '^4 hashes, 0 objects' stix --files good
expect stix_stdin 0 "$indicators" '^3 hashes' stix - <good
expect stix_left_out 2 '' '^0 hashes, 11 objects' stix left-out
expect stix_cut 2 '' '^cut:1: the text ends in the middle' stix cut
expect stix_bad 2 '' '^bad:3: ' stix bad
echo '[{"type": "indicator"}]' >array
expect stix_array 2 '' 'expected one JSON object' stix array
expect stix_nothing 2 '' 'there is nothing in it' stix /dev/null
expect unknown 2 '' "knows stix and nsrl, not 'x'" x
expect missing 2 '' 'none: No such file' stix none

# An object at its limit, 16 MiB, and one byte above.
for more in 0 1; do
	{
		printf '{"objects":[{"type":"x","a":"'
		head -c $((16777216 - 19 + more)) /dev/zero | tr '\0' a
		printf '"},{"type":"indicator","pattern":"[file:hashes.MD5='
		printf "'%s']\"}]}" $h
	} >large$more
done
expect at_limit 0 $h '^1 hashes' stix large0
expect over_limit 2 '' 'larger than 16 MiB' stix large1

# A list is replaced as a whole or not at all.
echo old >list
expect output_error 2 '' '^bad:3' stix -o list bad
[ "$(cat list)" = old ] || fail "output_error touched the list"
expect output 0 '' '^3 hashes' stix -o list good
[ "$(cat list)" = "$indicators" ] || fail "output"
[ "$(find . -name 'list.*')" = '' ] || fail "a temporary file is left"
"$compiler" --out-fd 3 --hashes list 3>image >/dev/null || fail "the list is not taken"

printf 'sha256,size\n%s%s,5\n%s%s,5\n%s%s,6\n' $h $h $h $h "$r" "$r" >rds.csv
expect nsrl 0 "$h$h:5:unnamed
$r$r:6:unnamed" '^2 hashes, 0' nsrl rds.csv
"$ctl" convert nsrl -o known.sfp rds.csv 2>/dev/null
"$compiler" --out-fd 3 --allow-hashes known.sfp 3>image >/dev/null || fail "the allow list is not taken"
printf '"SHA-1","MD5","CRC32","FileName","FileSize"\n"%s01234567","%s","0","x","1"\n' $h $h >old
expect nsrl_without_sha256 2 '' '^0 hashes, 1 objects or rows' nsrl old
printf 'SQLite format 3\000' >rds.db
expect nsrl_sqlite 2 '' "an SQLite database" nsrl rds.db
printf 'sha256\nx\n' >bad.csv
expect nsrl_bad_row 2 '' '^bad.csv:2: ' nsrl bad.csv
[ $failed -eq 0 ] && echo ok
exit $failed
