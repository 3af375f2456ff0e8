# SPDX-License-Identifier: Apache-2.0
# A FUSE server for tests of remote file systems: $R is where. After load.sh.

server_start() {
	load_run server python3 "$SYSTEM_DIR/fuse-files.py" "$R" test
	SERVER=${LOAD_PID[server]}
	wait_for 60 said ready || die "$ROUND: no FUSE: $(cat "$WORK/out/load.server.err")"
}
said() { grep -qsxF "$1" "$WORK/out/load.server"; }
server_does() { echo "$1" >&"${LOAD_FD[server]}"; wait_for 5 said "$1"; }
server_gone() { local fd=${LOAD_FD[server]}; exec {fd}>&-; unset "LOAD_FD[server]"; wait "$SERVER"; }
server_stop() { echo end >&"${LOAD_FD[server]}"; server_gone; }
server_freeze() { kill -STOP "$SERVER"; }
server_thaw() { kill -CONT "$SERVER"; }

# What status says of $R.
row() { status_get ".coverage[] | select(.mountPoint == \"$R\") | .$1"; }
row_is() { [ "$(row state)" = "$1" ] && [[ "$(row reason)" == *judged* ]]; }
judged() { row reason | sed -n 's/^\([0-9]*\) judged.*/\1/p' | grep . || echo 0; }
outposts() { pgrep -x custos-outpost; }
gates() { pgrep -x custos-gate; }
# kill_all "PID...": those that still live.
kill_all() { local pid; for pid in $1; do kill -KILL "$pid" 2>/dev/null; done; }
# Those of an earlier custosd, in $OLD.
old_gone() { local pid; for pid in $OLD; do [ ! -d "/proc/$pid" ] || return 1; done; }
no_outposts() { [ -z "$(outposts)$(gates)" ]; }
# An outpost that came later judges what is written now.
judges_new() {
	local n
	n=$(judged)
	echo "$RANDOM" >"$R/new.$RANDOM"
	sleep 0.2
	[ "$(judged)" -gt "$n" ]
}
# has_event JQ_CONDITION
has_event() { ctl --json=short events -n 200 2>/dev/null | jq -e "select($1)" >/dev/null; }
