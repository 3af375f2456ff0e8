# shellcheck shell=bash disable=SC2016 # YARA strings begin with $
# SPDX-License-Identifier: Apache-2.0
# Keys, and bundles made with them by the tools a publisher would use.

# bundle_begin: keys vendor (signify), site (minisign) and thief (minisign) in $WORK/keys.
bundle_begin() {
	command -v signify-openbsd >/dev/null || skip "signify-openbsd is not installed"
	command -v minisign >/dev/null || skip "minisign is not installed"
	KEYS=$WORK/keys
	mkdir -m 0755 "$KEYS" "$CONF/keys.d"
	signify-openbsd -G -n -c vendor -p "$KEYS/vendor.pub" -s "$KEYS/vendor.sec"
	local k
	for k in site thief; do
		minisign -G -W -p "$KEYS/$k.pub" -s "$KEYS/$k.sec" >/dev/null || die "minisign -G"
	done
}

# trust KEY...: these keys alone, as the site's.
trust() {
	local k
	rm -f "$CONF/keys.d"/*.pub
	for k in "$@"; do install -m 0644 "$KEYS/$k.pub" "$CONF/keys.d/$k.pub"; done
}

# bundle_manifest DIR SERIAL [CHANNEL [CREATED [EXPIRES]]]: of all files that are in DIR.
bundle_manifest() {
	local dir=$1 created=${4:-$(date -u -d '-1 hour' +%FT%TZ)}
	{
		printf 'custos-bundle 1\nchannel: %s\nserial: %s\ncreated: %s\n' "${3:-base}" "$2" "$created"
		printf 'expires: %s\n' "${5:-2099-01-01T00:00:00Z}"
		(cd "$dir" && find . -maxdepth 1 -type f ! -name 'MANIFEST*' -printf '%P\0' | sort -z | xargs -0 sha256sum --)
	} >"$WORK/out/manifest"
	mv "$WORK/out/manifest" "$dir/MANIFEST"
}

# bundle_sign DIR KEY...
bundle_sign() {
	local dir=$1 k; shift
	rm -f "$dir"/MANIFEST.*sig
	for k in "$@"; do
		case $k in
		vendor) signify-openbsd -S -s "$KEYS/vendor.sec" -m "$dir/MANIFEST" -x "$dir/MANIFEST.vendor.sig" ;;
		*) minisign -S -s "$KEYS/$k.sec" -m "$dir/MANIFEST" -x "$dir/MANIFEST.$k.minisig" >/dev/null ;;
		esac || die "signing with $k"
	done
}

# bundle_make DIR SERIAL KEYS [MANIFEST-ARGUMENT...]: a rule for the text MARK-SERIAL, and a hash.
bundle_make() {
	local dir=$1 serial=$2 keys=$3; shift 3
	rm -rf "$dir"
	mkdir -m 0755 "$dir"
	printf 'rule bundle_%s { strings: $m = "bundle-mark-%s;" condition: $m }\n' "$serial" "$serial" >"$dir/rules.yar"
	printf 'bundle hash %s' "$serial" | sha256sum | sed 's|-|hash|' >"$dir/deny.sha256"
	bundle_manifest "$dir" "$serial" "$@"
	# shellcheck disable=SC2086 # words
	bundle_sign "$dir" $keys
}

bundle_serial() { ctl --json=short bundle list | jq -r ".bundles[] | select(.channel == \"${1:-base}\") | .serial"; }
