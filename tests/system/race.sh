# SPDX-License-Identifier: Apache-2.0
# The attack suite of the verdict cache, for one file system: race_main TYPE.
#
# A clean file is opened until its verdict is cached, is changed by each changer of the race
# helper, and is opened by another process: refused, every time. First without custos, where
# every changer must get its malicious content through, or it proves nothing.
#
# Environment: RACE_ROUNDS (of each changer and owner; default 30, and 6 when sanitized).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RACE_SLOW_ROUNDS=3
RACE_AGE_MS=40 # older than a clock tick: a younger file is not cached
RACE_UID=65534

race() { timeout -s KILL 150 "$HELPERS/race" -a $RACE_AGE_MS "$@" 2>"$WORK/out/race.err"; }

# race_world TYPE: directories user and root in $RACE_DIR, with what changers need besides.
race_world() {
	local type=$1 owner m
	fs_make "${type/overlay/ext4}" || skip "$FS_WHY"
	m=$FS/${type/overlay/ext4}
	RACE_MOUNT=$m
	RACE_DIR=$m/files
	mkdir -p "$m"/{files,work,merged} "$WORK/bound"
	if [ "$type" = overlay ]; then
		overlay_world "$m"
		return
	fi
	for owner in root user; do mkdir "$m/files/$owner"; done
	chown $RACE_UID:$RACE_UID "$m/files/user"
	mount --bind "$m/files" "$WORK/bound" || die "bind mount"
}

overlay_world() {
	local m=$1 owner
	overlay_is_seen || skip "before Linux 6.5 an overlay's own super block must be marked"
	for owner in root user; do mkdir -p "$m"/{upper,lower}/$owner; done
	chown $RACE_UID:$RACE_UID "$m"/{upper,lower}/user
	mount -t overlay -o "lowerdir=$m/lower,upperdir=$m/upper,workdir=$m/work" overlay \
		"$m/merged" 2>"$WORK/out/overlay" || skip "overlay: $(tail -1 "$WORK/out/overlay")"
	mount --bind "$m/merged" "$WORK/bound" || die "bind mount"
	RACE_DIR=$m/merged
}

# race_args TYPE OWNER WORDS...: the directories a changer with these flags wants. Return 1
# when there is no such directory here.
race_args() {
	local type=$1 owner=$2 word
	shift 2
	RACE_ARGS=(-d "$RACE_DIR/$owner" -b "$WORK/bound/$owner")
	[ "$owner" = user ] || RACE_ARGS+=(-r)
	for word in "$@"; do
		case $word in
		upper | lower)
			[ "$type" = overlay ] || return 1
			RACE_ARGS+=(-u "$RACE_MOUNT/upper/$owner" -l "$RACE_MOUNT/lower/$owner")
			;;
		esac
	done
}

race_rules() {
	"$HELPERS/race" --sample listed >"$WORK/out/listed"
	"$HELPERS/race" --sample zeroed >"$WORK/out/zeroed"
	config_hashes "$WORK/out/listed" "$WORK/out/zeroed"
	write_file "$CONF/rules.yar" <<-EOR
	rule custos_race { strings: \$m = "$("$HELPERS/race" --sample mark)" condition: \$m at 8192 }
	EOR
	# What cannot be judged in time is refused: a deadline that ran out is no slip.
	config_policy <<<'scan any on-match=deny on-error=deny timeout=3s'
}

# RACE_ONLY: an extended regular expression, to try few by hand.
race_list() { "$HELPERS/race" --list | grep -E "^(${RACE_ONLY:-.*})( |$)"; }

# --- without custos ------------------------------------------------------------------------

declare -A RACE_UNSUPPORTED

# The helper must see what there is to see.
race_guard() {
	local type=$1 owner name words out n=0
	while read -r name words; do
		for owner in user root; do
			# shellcheck disable=SC2086 # several words
			race_args "$type" $owner $words || continue
			out=$(race "${RACE_ARGS[@]}" -x -n 3 "$name")
			case $? in
			77)
				RACE_UNSUPPORTED[$name.$owner]=1
				note "race $type/$name/$owner: ${out}"
				;;
			1) check_match "$type/$name/$owner is seen" "$out" \
				'^3 rounds 28 opens 10 slips 0 unchanged 0 faults' ;;
			*) fail "$type/$name/$owner without custos: $out $(cat "$WORK/out/race.err")" ;;
			esac
			n=$((n + 1))
		done
	done < <(race_list)
	note "race $type: $n changers tried without custos, $CHECKS checks, $FAILURES failed"
}

# --- with custos ---------------------------------------------------------------------------

# race_counters: cache hits and events so far.
race_counters() { status_get '.counters | "\(.cacheHits // .cache_hits // 0) \(.events // 0)"'; }

# race_attack TYPE OWNER NAME ROUNDS: adds to RACE_TOTAL, RACE_SLIPS and RACE_HITS.
race_attack() {
	local type=$1 owner=$2 name=$3 rounds=$4 out status before after rounds_done opens slips
	before=$(race_counters)
	out=$(race "${RACE_ARGS[@]}" -n "$rounds" "$name")
	status=$?
	after=$(race_counters)
	read -r rounds_done _ opens _ slips _ <<<"$out"
	if [ $status -gt 1 ] || [ "${rounds_done:-0}" != "$rounds" ]; then
		fail "$type/$name/$owner: exit $status, '$out' $(head -c 400 "$WORK/out/race.err")"
		return
	fi
	check_equal "$type/$name/$owner: slips $(head -c 400 "$WORK/out/race.err")" "$slips" 0
	RACE_TOTAL=$((RACE_TOTAL + rounds_done)) RACE_SLIPS=$((RACE_SLIPS + slips))
	RACE_HITS[$owner]=$((${RACE_HITS[$owner]} + ${after% *} - ${before% *}))
	RACE_EVENTS[$owner]=$((${RACE_EVENTS[$owner]} + ${after#* } - ${before#* }))
	note "race $type/$name/$owner: $rounds_done rounds, $slips slips; $opens opens, $((${after% *} - ${before% *})) from cache${out##*faults}"
}

race_attacks() {
	local type=$1 rounds=$2 owner name words n
	while read -r name words; do
		for owner in user root; do
			[ -z "${RACE_UNSUPPORTED[$name.$owner]:-}" ] || continue
			# shellcheck disable=SC2086 # several words
			race_args "$type" $owner $words || continue
			# What root can do to root's files is told by race-limits.
			case "$owner $words " in
			root*" root-slips "*) continue ;;
			esac
			n=$rounds
			case " $words " in *" slow "*) n=$RACE_SLOW_ROUNDS ;; esac
			[ "$n" -le "$rounds" ] || n=$rounds
			race_attack "$type" $owner "$name" "$n"
		done
	done < <(race_list)
}

# Whether there was a cache to slip past: files that nobody changes, opened again and again.
race_cached() {
	local type=$1 owner i before after hits events
	for owner in user root; do
		# Large enough for pages of their own: btrfs keeps small ones among its names.
		for i in $(seq 8); do head -c 8192 /dev/urandom >"$RACE_MOUNT/cached.$i"; done
		[ $owner = root ] || chown $RACE_UID "$RACE_MOUNT"/cached.*
		sync "$RACE_MOUNT"/cached.* # dirty pages cannot leave the cache
		sleep 0.2
		before=$(race_counters)
		for i in 1 2 3 4 5 6; do cat "$RACE_MOUNT"/cached.* >/dev/null; done
		after=$(race_counters)
		rm -f "$RACE_MOUNT"/cached.*
		hits=$((${after% *} - ${before% *})) events=$((${after#* } - ${before#* }))
		RACE_CACHED=no
		[ "$hits" = 0 ] && [ "$events" -ge 48 ] || RACE_CACHED=yes
		note "race $type: cached: $RACE_CACHED ($owner's files: of 48 opens $hits from cache, $((48 - events)) by the kernel's marks)"
		# A user can change pinned pages, which nothing tells (docs/limits.md): on tmpfs it
		# cannot be proved that there are none.
		check_equal "$type: $owner's files are cached" $RACE_CACHED \
			"$([ "$owner.$type" = user.tmpfs ] && echo no || echo yes)"
	done
}

race_main() {
	local type=$1 rounds=${RACE_ROUNDS:-30}
	system_begin "$@"
	[ -n "${RACE_ROUNDS:-}" ] || ! is_sanitized || rounds=6
	race_world "$type"
	race_rules
	race_guard "$type"
	config_write "$RACE_MOUNT"
	declare -gA RACE_HITS=([user]=0 [root]=0) RACE_EVENTS=([user]=0 [root]=0)
	RACE_TOTAL=0 RACE_SLIPS=0
	custos_start
	race_cached "$type"
	race_attacks "$type" "$rounds"
	note "race $type: from cache: user ${RACE_HITS[user]}, root ${RACE_HITS[root]}; events: user ${RACE_EVENTS[user]}, root ${RACE_EVENTS[root]}"
	note "race $type: rounds=$RACE_TOTAL slips=$RACE_SLIPS"
	check "$type: enough rounds" [ "$RACE_TOTAL" -ge $((rounds * 40)) ]
	check_equal "$type: slips in all" "$RACE_SLIPS" 0
	system_end
}
