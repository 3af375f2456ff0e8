/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generation: rules and policy as one unit that is swapped whole
 *
 * Owns: loading and freeing it. Must not own: who works by it.
 */
#include "daemon/keeper/keeper.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int load_policy(int fd, struct policy **ret)
{
	struct stat st;
	void *text;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	r = policy_parse_image(text, (size_t)st.st_size, ret);
	(void)munmap(text, (size_t)st.st_size); /* cannot fail for what mmap gave us */
	return r;
}

static int check_settings(const struct settings *s)
{
	return s->n_readers >= 2 && s->n_readers <= READERS_MAX && s->n_workers >= 1 &&
	               s->n_workers <= WORKERS_MAX && s->timeout > 0 &&
	                       s->largest_bytes >= s->max_file_size_bytes &&
	                       s->whole_bytes >= 1 && s->whole_bytes <= s->largest_bytes &&
	                       arc_limits_valid(&s->archives) ?
	               0 :
	               -EINVAL;
}

int generation_load(struct generation *g, const struct message *msg, const int *fds, char *why,
                    size_t why_size)
{
	int r = check_settings(&msg->settings);

	*g = (struct generation){.number = msg->generation, .settings = msg->settings};
	if (r == 0)
		r = ruleset_load(fds[0], fds[2], &g->rules);
	if (r < 0) {
		(void)snprintf(why, why_size, "the rules image cannot be loaded: %s",
		               strerror(-r));
		return r;
	}
	r = load_policy(fds[1], &g->policy);
	if (r < 0) {
		(void)snprintf(why, why_size, "the policy image cannot be loaded: %s",
		               strerror(-r));
		generation_unload(g);
		return r;
	}
	g->min_timeout = policy_min_timeout(g->policy, g->settings.timeout);
	return 0;
}

void generation_unload(struct generation *g)
{
	const bool had_rules = g->rules;

	ruleset_freep(&g->rules);
	policy_freep(&g->policy);
	if (had_rules) /* or the holes of one generation stay between pieces of the next */
		(void)malloc_trim(0);
	*g = (struct generation){0};
}
