/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ignore marks
 *
 * Owns: which files get one. Must not own: whether a verdict holds (cached).
 *
 * A mark hides opens for writing too, and stores through a mapping leave it in place (fanotify.md §2).
 * So it is given only where nobody but root can write. It comes after the verdict, never before: while
 * a file is being scanned other openers must wait. And what was true before it is looked at once more
 * after it; a change in between is one of those that take the mark away, or shows.
 */
#include "daemon/scanner/marks.h"

#include "custos/fan.h"
#include "daemon/scanner/cached.h"

/* Root's, and nobody else may write, ACLs included: their mask shows as the group's bits. And anybody
 * may read it: the scanner has no right of its own to, which marking by descriptor needs. */
static bool only_root_writes(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH)) &&
	       st->st_mode & S_IROTH;
}

/* Would nothing be lost if nobody heard of an open of this file? */
static bool nobody_asks(const struct inquiry *q, uint64_t max_size_bytes)
{
	const struct scanner *sc = q->w->sc;
	struct policy_query file = q->query;

	/* Known by one of its names only. */
	if (q->job->st.st_nlink != 1)
		file.known &= ~(unsigned)POLICY_FACT_PATH;
	return !sc->uses_names && policy_silent(sc->cfg.policy, &file, max_size_bytes);
}

/* Rules of another generation may be in force by now: their marks were flushed, ours comes late. */
static bool in_force(const struct scanner *sc)
{
	return atomic_load(&sc->cfg.shared->generation) == sc->cfg.generation;
}

void marks_consider(struct inquiry *q, uint64_t max_size_bytes)
{
	struct scanner *sc = q->w->sc;
	const int fd = q->job->slot->fd;

	if (q->finding.verdict != VERDICT_CLEAN || !only_root_writes(&q->job->st) ||
	    !in_force(sc) || !nobody_asks(q, max_size_bytes))
		return;
	if (fan_ignore_file(FD_GROUP, fd) < 0)
		return; /* an older kernel; or not readable by us after all */
	if (cached_still(q) && in_force(sc))
		stats_add(&sc->cfg.shared->stats, q->w->shard, COUNT_IGNORED, 1);
	else
		(void)fan_unignore_file(FD_GROUP, fd); /* ENOENT: the kernel was faster */
}

void marks_written(const struct job *job)
{
	if (only_root_writes(&job->st))
		(void)fan_unignore_file(FD_GROUP, job->slot->fd); /* ENOENT: mostly */
}
