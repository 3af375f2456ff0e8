/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hold mark
 *
 * Owns: the order of guard, state and mark. Must not own: leases, or what is held (holder.c).
 *
 * A lease does not hold up a truncation through an overlay, nor by an open with O_RDONLY|O_TRUNC. Those change the
 * state, and the kernel ends the ignoring when they are complete. So the state is looked at once more after the mark;
 * and opens wait from before the first look until after the second, or one could pass between a mark that came too
 * late and that look (docs/adr/0018).
 */
#include "daemon/supervisor/hold-mark.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/clock.h"
#include "custos/fan.h"

static bool is_unchanged(const struct hold_wish *w, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink > 0 && st.st_dev == w->key.dev &&
	       st.st_ino == w->key.ino && (uint64_t)st.st_size == w->known[CACHED_SIZE] &&
	       (uint64_t)timespec_nsec(&st.st_mtim) == w->known[CACHED_MTIME] &&
	       (uint64_t)timespec_nsec(&st.st_ctim) == w->known[CACHED_CTIME];
}

/* Is the verdict the wish is about still there, for the state the file is in? */
static bool is_known(const struct hold_marks *m, const struct hold_wish *w, int fd)
{
	struct cache_value found;

	return is_unchanged(w, fd) && atomic_load(&m->shared->generation) == w->generation &&
	       cache_get(&m->cache, &w->key, &found) &&
	       CACHED_REASON(found.word[CACHED_ABOUT]) != CACHED_SEEN &&
	       memcmp(found.word, w->known, sizeof(w->known)) == 0;
}

int hold_mark(const struct hold_marks *m, const struct hold_wish *w, int fd)
{
	int r;

	/* Who waits for the guard waits for us: from here on the keeper must see it if we are stopped. */
	atomic_store(&m->shared->holder_beat, clock_now());
	r = fan_guard_file(m->guard, fd);
	if (r < 0)
		return r;
	r = is_known(m, w, fd) ? fan_ignore_file(m->group, fd) : -ESTALE;
	if (r == 0 && !is_unchanged(w, fd)) {
		(void)fan_empty_file(m->group, fd);
		r = -ESTALE;
	}
	fan_guard_release(m->guard, fd);
	return r;
}
