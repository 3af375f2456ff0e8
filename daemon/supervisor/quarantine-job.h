/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantine job: one thing the thread is to do, and what came of it */
#pragma once

#include <sys/queue.h>

#include "daemon/supervisor/manager.h"
#include "daemon/supervisor/quarantine-move.h"

/* Why something failed, with a path in it or without. */
#define JOB_TEXT_BYTES 256

/* Made and freed by the loop; between submit and done it is the thread's, but for done. */
struct job {
	TAILQ_ENTRY(job) entry;   /* of the queue it is in */
	TAILQ_ENTRY(job) of_all;  /* loop */
	bool ask;                 /* a question, else a take; immutable */
	/* A take */
	struct quarantine_order order;
	char id[QUARANTINE_ID_BYTES]; /* a question: about this entry; "" = list */
	unsigned links;
	/* A question */
	enum quarantine_op op;
	char *reason;             /* owned */
	uid_t by;
	int fd;                   /* owned */
	manager_quarantine_fn done; /* loop; NULL: nobody waits any more */
	void *userdata;
	/* What came of it */
	int error;
	char text[JOB_TEXT_BYTES];
	json_t *reply;            /* owned */
};

TAILQ_HEAD(job_list, job);

struct job *job_new_take(const struct record *r, const struct policy_line *line);
/* Takes @ask's descriptor over, unless it returns NULL. */
struct job *job_new_ask(const struct quarantine_ask *ask, manager_quarantine_fn done,
                        void *userdata);
void job_free(struct job *job);

/* Do it. Context: the thread; may block for long. */
void job_run(struct job *job, struct quarantine_context *c);

/* Tell the journal, if it is worth it. Context: the loop's thread. */
struct journal;
void job_report(const struct job *job, struct journal *journal);
