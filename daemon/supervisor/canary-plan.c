/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canary plan
 *
 * Owns: one target for each watched file system, and whether policy would refuse a bait
 * there. Must not own: processes, time.
 */
#include "daemon/supervisor/canary-plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/decide.h"
#include "custos/eicar.h"

#include "daemon/supervisor/broker.h"
#include "daemon/supervisor/coverage.h"

void canary_plan_deinit(struct canary_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->targets[i].place.mount_point);
	free(p->targets);
	free(p->places);
	free(p->which);
	*p = (struct canary_plan){0};
}

struct canary_target *canary_plan_find(const struct canary_plan *p, dev_t dev)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->targets[i].place.dev == dev)
			return &p->targets[i];
	return NULL;
}

/* The line that would decide about a bait of the canary process, which is this program.
 */
static const struct policy_line *line_for(const struct manager *m,
                                          const struct coverage_row *row,
                                          const struct facts *self)
{
	const char *points[MOUNTS_PER_FILE] = {row->mount_point};
	struct policy_query q = {
		.known = POLICY_FACT_PATH | POLICY_FACT_MOUNT | POLICY_FACT_SUBJECT,
		.watched = true,
		.event = POLICY_OPEN,
		.size_bytes = EICAR_BYTES,
		.dev = row->dev,
		.fs_type = row->fs_type,
		.mount_points = points,
		.n_mount_points = 1,
		.uid = self->uid,
		.gid = self->gid,
		.exe = self->exe,
		.unit = self->unit,
		.slice = self->slice,
		.cgroup = self->cgroup,
		.container = self->container,
	};
	const struct policy_line *line = NULL;
	char path[4096];

	/* As the kernel names a file without a name. */
	(void)snprintf(path, sizeof(path), "%s/#1",
	               strcmp(row->mount_point, "/") ? row->mount_point : "");
	q.path = path;
	for (size_t i = 0;
	     i < manager_coverage_n(m) && q.n_mount_points < MOUNTS_PER_FILE; i++) {
		struct coverage_row other;

		manager_coverage_row(m, i, &other);
		if (other.dev == row->dev &&
		    strcmp(other.mount_point, row->mount_point) != 0)
			points[q.n_mount_points++] = other.mount_point;
	}
	(void)policy_match(m->policy, &q, (int64_t)(clock_wall_usec() / USEC_PER_SEC),
	                   &line);
	return line;
}

static void ask_policy(const struct manager *m, const struct coverage_row *row,
                       const struct facts *self, struct canary_target *t)
{
	const struct policy_line *line = line_for(m, row, self);
	const struct finding match = {.verdict = VERDICT_MALICIOUS,
	                              .reason = REASON_EICAR};
	const uint64_t max = line && line->max_size_bytes ? line->max_size_bytes
	                                                  : m->conf.max_file_size_bytes;

	t->timeout = MAX(m->conf.timeout, line ? line->timeout : 0);
	t->tried = line && max >= EICAR_BYTES &&
	           decide(line, &match, MODE_ENFORCE, NULL).deny;
	if (t->tried)
		return;
	t->n_failed = 0;
	(void)snprintf(t->text, sizeof(t->text), "not tried: policy %s:%u",
	               line ? line->file : "", line ? line->line : 0);
}

static int add(const struct manager *m, const struct canary_plan *old,
               const struct coverage_row *row, const struct facts *self,
               struct canary_plan *p)
{
	struct canary_target *t = &p->targets[p->n];
	const struct canary_target *before = canary_plan_find(old, row->dev);

	*t = before ? *before : (struct canary_target){0};
	t->place = (struct canary_place){strdup(row->mount_point), row->dev, row->pid};
	if (!t->place.mount_point)
		return -ENOMEM;
	p->n++;
	ask_policy(m, row, self, t);
	if (row->behind_server) {
		t->tried = false;
		(void)snprintf(t->text, sizeof(t->text), "not tried: it lies behind a server");
	}
	if (t->tried && p->n_places < CANARY_PLACES_MAX) {
		p->places[p->n_places] = t->place;
		p->which[p->n_places++] = p->n - 1;
	}
	return 0;
}

int canary_plan(const struct manager *m, struct canary_plan *p)
{
	const size_t n = manager_coverage_n(m);
	struct canary_plan new = {
		.targets = calloc(n + 1, sizeof(*new.targets)),
		.places = calloc(n + 1, sizeof(*new.places)),
		.which = calloc(n + 1, sizeof(*new.which)),
	};
	struct facts *self = calloc(1, sizeof(*self));
	int r = new.targets &&new.places &&new.which &&self ? 0 : -ENOMEM;

	if (r == 0)
		(void)broker_look_up(
			getpid(),
			self); /* fails: empty facts, as the scanner's would be */
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct coverage_row row;

		manager_coverage_row(m, i, &row);
		if (strcmp(row.state, "protected") == 0 &&
		    !canary_plan_find(&new, row.dev))
			r = add(m, p, &row, self, &new);
	}
	free(self);
	if (r < 0) {
		canary_plan_deinit(&new);
		return r;
	}
	canary_plan_deinit(p);
	*p = new;
	return 0;
}
