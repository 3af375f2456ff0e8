/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine job
 *
 * Owns: what the answers and the journal say.
 * Must not own: queues, threads (quarantine.c).
 */
#include "daemon/supervisor/quarantine-job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"

#include "daemon/supervisor/journal.h"

struct job *job_new_take(const struct record *r, const struct policy_line *line)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->order.record = *r;
	job->fd = -1;
	(void)snprintf(job->order.policy, sizeof(job->order.policy), "%s:%u", line->file,
	               line->line); /* a longer name is cut */
	return job;
}

struct job *job_new_ask(const struct quarantine_ask *ask, manager_quarantine_fn done,
                        void *userdata)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	if (ask->reason && !(job->reason = strdup(ask->reason))) {
		free(job);
		return NULL;
	}
	job->ask = true;
	job->op = ask->op;
	(void)snprintf(job->id, sizeof(job->id), "%s", ask->id ?: ""); /* checked by the method */
	job->by = ask->by;
	job->fd = ask->fd;
	job->done = done;
	job->userdata = userdata;
	return job;
}

void job_free(struct job *job)
{
	free(job->reason);
	(void)fd_close(job->fd);
	json_decref(job->reply);
	free(job);
}

static int list(struct job *job, const struct quarantine_context *c)
{
	const struct quarantine_store *s = &c->store;
	json_t *entries;
	bool more;
	int r = s->dir < 0 ? -ENOTDIR : quarantine_store_list(s, job->id, &entries, &more);

	if (r < 0)
		return r;
	job->reply = json_pack("{s:o, s:b, s:I, s:I, s:I, s:I}", "entries", entries, "more",
	                       (int)more, "total", (json_int_t)s->n, "bytes",
	                       (json_int_t)s->bytes, "totalMax", (json_int_t)s->n_max, "bytesMax",
	                       (json_int_t)s->bytes_max);
	return job->reply ? 0 : -ENOMEM;
}

static int info(struct job *job, const struct quarantine_context *c)
{
	const struct quarantine_store *s = &c->store;
	json_t *entry;
	int r = s->dir < 0 ? -ENOTDIR : quarantine_store_meta(s, job->id, &entry);

	if (r < 0)
		return r;
	job->reply = json_pack("{s:[o], s:b, s:I, s:I, s:I, s:I}", "entries", entry, "more", 0,
	                       "total", (json_int_t)s->n, "bytes", (json_int_t)s->bytes,
	                       "totalMax", (json_int_t)s->n_max, "bytesMax",
	                       (json_int_t)s->bytes_max);
	return job->reply ? 0 : -ENOMEM;
}

static int answer(struct job *job, struct quarantine_context *c)
{
	switch (job->op) {
	case QUARANTINE_LIST:
		return list(job, c);
	case QUARANTINE_INFO:
		return info(job, c);
	case QUARANTINE_RELEASE:
		return quarantine_release_file(c, job->id, &job->reply);
	case QUARANTINE_EXPORT:
		return quarantine_export_file(c, job->id, job->fd, &job->reply);
	}
	return -EINVAL;
}

/* What an errno means here; NULL: what strerror(3) says. */
static const char *explain(const struct job *job)
{
	bool releasing = job->ask && job->op == QUARANTINE_RELEASE;

	switch (-job->error) {
	case ESTALE:
		return "its name is another file's, or its content is not what was judged";
	case ELOOP:
		return "a directory of its path was exchanged for a symbolic link";
	case EDQUOT:
		return "the quarantine is full: release or export entries";
	case ENOTDIR:
		return job->ask ? "a part of the path is no directory, or there is no store" : NULL;
	case EXDEV:
		return "its path belongs to another mount namespace: export it instead";
	case EBADMSG:
		return "the entry is damaged";
	case EEXIST:
		return releasing ? "there is a file of that name: nothing was overwritten" : NULL;
	case ENOENT:
		return releasing ? "no such entry, or the directory it came from is gone" : NULL;
	}
	return NULL;
}

void job_run(struct job *job, struct quarantine_context *c)
{
	const char *text;

	job->error = job->ask ? answer(job, c) :
	                        quarantine_take_file(c, &job->order, job->id, &job->links);
	if (job->error == 0)
		return;
	text = explain(job);
	(void)snprintf(job->text, sizeof(job->text), "%s", text ?: strerror(-job->error));
}

static void report_take(const struct job *job, struct journal *journal)
{
	const struct record *r = &job->order.record;
	char links[64] = "";

	/* Gone by itself, a stop, or a file of the store: the detection itself has been told. */
	if (job->error == -ENOENT || job->error == -ECANCELED || job->error == -EALREADY)
		return;
	if (job->error < 0) {
		journal_event(journal, JOURNAL_QUARANTINE_FAILED, LOG_ERR,
		              "not quarantined, stays refused: path=%s: %s", r->path, job->text);
		return;
	}
	if (job->links > 1)
		(void)snprintf(links, sizeof(links), " (%u other hard links stay, refused)",
		               job->links - 1);
	journal_event(journal, JOURNAL_QUARANTINED, LOG_WARNING,
	              "quarantined id=%s rule=%s policy=%s path=%s%s", job->id, r->match.rule,
	              job->order.policy, r->path, links);
}

void job_report(const struct job *job, struct journal *journal)
{
	if (!job->ask) {
		report_take(job, journal);
		return;
	}
	if (job->op == QUARANTINE_RELEASE)
		journal_event(journal, JOURNAL_QUARANTINE_RELEASED, LOG_WARNING,
		              "quarantine release id=%s by uid %u: %s: %s%s%s", job->id, job->by,
		              job->error ? "failed" : "done", job->error ? job->text : "",
		              job->error ? "; reason given: " : "reason given: ",
		              job->reason ?: "");
	if (job->op == QUARANTINE_EXPORT)
		journal_event(journal, JOURNAL_QUARANTINE_EXPORTED, LOG_NOTICE,
		              "quarantine export id=%s by uid %u: %s", job->id, job->by,
		              job->error ? job->text : "done");
}
