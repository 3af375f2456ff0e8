/* SPDX-License-Identifier: Apache-2.0 */
/*
 * race: change a clean file's content by the changer named, and see whether it is opened.
 *
 * Owns: the command line and the table of changers.
 * Must not own: which changers must be refused; tests/system/race.sh knows.
 * Hands off to: race-round.c and the changers' files.
 */
#include "race.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SLIPS       1
#define EXIT_SETUP       2
#define EXIT_UNSUPPORTED 77
#define TIME_LIMIT       120 /* seconds: a hang is no outcome */

static const struct changer *const tables[] = {race_write, race_size, race_map,
                                               race_uring, race_copy, race_swap,
                                               race_held,  race_pin,  race_name};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

static const struct changer *find_changer(const char *name)
{
	for (size_t i = 0; i < N_TABLES; i++)
		for (const struct changer *c = tables[i]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

/* One line each: name, then words for its flags. */
static int list(void)
{
	for (size_t i = 0; i < N_TABLES; i++)
		for (const struct changer *c = tables[i]; c->name; c++)
			printf("%s%s%s%s%s%s%s\n", c->name,
			       c->flags & CHANGER_ROOT ? " root" : "",
			       c->flags & CHANGER_SLOW ? " slow" : "",
			       c->flags & CHANGER_BIND ? " bind" : "",
			       c->flags & CHANGER_UPPER ? " upper" : "",
			       c->flags & CHANGER_LOWER ? " lower" : "",
			       c->flags & CHANGER_ROOT_SLIPS ? " root-slips" : "");
	return 0;
}

static int sample(const char *name)
{
	static const struct {
		const char *name;
		enum content kind;
	} samples[] = {{"listed", CONTENT_LISTED}, {"zeroed", CONTENT_HOLE}};
	uint8_t buf[RACE_MAX_FILE];

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (strcmp(samples[i].name, name) == 0) {
			size_t n = content_evil(samples[i].kind, buf);

			return fwrite(buf, 1, n, stdout) == n ? 0 : EXIT_SETUP;
		}
	if (strcmp(name, "mark") == 0)
		return puts(RACE_MARK) < 0 ? EXIT_SETUP : 0;
	return EXIT_SETUP;
}

static int usage(void)
{
	fprintf(stderr,
	        "usage: race [options] CHANGER | --list | --sample listed|zeroed|mark\n"
	        "  -d DIR  where the victim opens (owned by the attacker)\n"
	        "  -b DIR  the same below a bind mount   -u, -l DIR  its upper, lower layer\n"
	        "  -n N    rounds            -a MS  how old a file must be to be cached\n"
	        "  -r      files of root, by root    -x  not protected: all must slip\n");
	return EXIT_SETUP;
}

static int parse(int argc, char **argv, struct race *race)
{
	int option;

	while ((option = getopt(argc, argv, "d:b:u:l:n:a:rx")) != -1) {
		switch (option) {
		case 'd': race->dir = optarg; break;
		case 'b': race->bind = optarg; break;
		case 'u': race->upper = optarg; break;
		case 'l': race->lower = optarg; break;
		case 'n': race->rounds = (unsigned)atoi(optarg); break;
		case 'a': race->age_ms = (unsigned)atoi(optarg); break;
		case 'r': race->owner_root = true; break;
		case 'x': race->expect_slips = true; break;
		default: return -EINVAL;
		}
	}
	if (optind + 1 != argc || !race->dir || race->age_ms >= 1000)
		return -EINVAL;
	race->changer = find_changer(argv[optind]);
	if (!race->changer)
		return -ENOENT;
	if (((race->changer->flags & CHANGER_BIND) && !race->bind) ||
	    ((race->changer->flags & CHANGER_UPPER) && !race->upper) ||
	    ((race->changer->flags & CHANGER_LOWER) && !race->lower))
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	struct race race = {.rounds = 1, .age_ms = 40};
	struct race_result result;
	int r;

	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	if (argc == 3 && strcmp(argv[1], "--sample") == 0)
		return sample(argv[2]);
	if (parse(argc, argv, &race) < 0)
		return usage();
	alarm(TIME_LIMIT);
	r = race_run(&race, &result);
	if (r < 0) {
		fprintf(stderr, "race: %s: %s\n", race.changer->name, strerror(-r));
		return EXIT_SETUP;
	}
	if (result.unsupported) {
		printf("unsupported %s\n", strerrorname_np(result.unsupported));
		return EXIT_UNSUPPORTED;
	}
	printf("%u rounds %u opens %u slips %u unchanged %u faults %llu notes\n",
	       result.rounds, result.opens, result.slips, result.unchanged, result.faults,
	       (unsigned long long)result.notes);
	if (result.faults || (result.unchanged && !race.expect_slips))
		return EXIT_SETUP;
	return result.slips ? EXIT_SLIPS : 0;
}
