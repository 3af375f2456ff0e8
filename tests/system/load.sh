# SPDX-License-Identifier: Apache-2.0
# A load of mixed files for the tests that disturb custosd while it works.

# load_make DIR N: N files, three in ten malicious, a tenth each by EICAR, by hash, by YARA
# rule. Sets LOAD_LIST (for churn) and writes the block list.
load_make() {
	local dir=$1 n=$2
	LOAD_LIST=$WORK/load.list
	mkdir -p "$dir"
	python3 - "$dir" "$n" "$LOAD_LIST" "$CONF/block.sha256" "$(eicar)" "$YARA_MARK" <<-'EOP'
	import hashlib, os, random, sys
	directory, n, list_path, hashes_path, eicar, mark = sys.argv[1:]
	rng = random.Random(1)
	lines, hashes = [], []
	for i in range(int(n)):
	    path = '%s/f%05d' % (directory, i)
	    body = rng.randbytes(rng.choice((10, 100, 1000, 4096, 20000)))
	    kind = i % 10
	    if kind == 0:
	        body = eicar.encode() + b' ' * (i // 10 % 50)
	    elif kind == 1:
	        hashes.append(hashlib.sha256(body).hexdigest())
	    elif kind == 2:
	        body += mark.encode()
	    with open(path, 'wb') as f:
	        f.write(body)
	    lines.append('%s %s\n' % ('m' if kind < 3 else 'c', path))
	# Neighbours go to different processes; no process gets one kind only.
	rng.shuffle(lines)
	open(list_path, 'w').writelines(lines)
	open(hashes_path, 'w').writelines(h + '\n' for h in hashes)
	os.chmod(hashes_path, 0o644)
	EOP
}

# load_start NAME [churn options]: runs until load_stop NAME.
declare -A LOAD_PID LOAD_FD
load_start() { local name=$1; shift; load_run "$name" "$HELPERS/churn" "$@" "$LOAD_LIST"; }
# opener_start NAME DIR: opens of new files in there, one after another, until load_stop NAME.
opener_start() { load_run "$1" python3 "$SYSTEM_DIR/opener.py" "$2" "$(eicar)"; }
load_run() {
	local name=$1 fd; shift
	rm -f "$WORK/load.$name.pipe" "$WORK/out/load.$name"
	mkfifo "$WORK/load.$name.pipe"
	exec {fd}<>"$WORK/load.$name.pipe"
	LOAD_FD[$name]=$fd
	"$@" <"$WORK/load.$name.pipe" \
		>"$WORK/out/load.$name" 2>"$WORK/out/load.$name.err" &
	LOAD_PID[$name]=$!
}

# load_stop NAME: sets LOAD_STATUS and LOAD_RESULT ("opens=N denied=N wrong=N ...").
load_stop() {
	local fd=${LOAD_FD[$1]}
	echo end >&"$fd" # others may have inherited the writing end
	exec {fd}>&-
	unset "LOAD_FD[$1]"
	wait "${LOAD_PID[$1]}"
	LOAD_STATUS=$?
	LOAD_RESULT=$(cat "$WORK/out/load.$1")
	note "load $1: $LOAD_RESULT"
	head -20 "$WORK/out/load.$1.err"
}
load_number() { sed -E "s/.*\b$1=([0-9]+).*/\1/" <<<"$LOAD_RESULT"; }
# load_right NAME [USEC]: end it; no answer was wrong, and no open took as long as that.
load_right() {
	load_stop "$1"
	check_equal "$ROUND: $1 ends well" "$LOAD_STATUS" 0
	check_equal "$ROUND: $1 got no wrong answer" "$(load_number wrong)" 0
	[ -z "${2:-}" ] || check "$ROUND: no open of $1 took $2 us ($(load_number slowest_usec))" \
		[ "$(load_number slowest_usec)" -lt "$2" ]
}
