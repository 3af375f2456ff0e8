/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: the measuring of costs
 *
 * Owns: the blend that is scanned, and the clock. Must not own: which rules are measured
 * when, and what follows (rules-dear.c).
 *
 * CPU time, so that a busy machine does not make rules dear.
 */
#include "rules-cost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/clock.h"
#include "custos/division.h"
#include "custos/types.h"
#include "rules-yara.h"

#define FLAGS                                                                          \
	(SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH |                               \
	 SCAN_FLAGS_REPORT_RULES_MATCHING)
#define STRIDE     8 /* so that the begin of the blend has files of each kind */
#define TIMES      3 /* the least counts: the others had cold caches */
#define SUSPECT_NSEC (2 * NSEC_PER_MSEC)
#define PLAIN_NSEC   (100 * NSEC_PER_MSEC) /* no cache makes that, and it is not spent twice */
#define PROBE_NSEC   (2 * NSEC_PER_MSEC) /* for one probe of the dear rules of a file */
#define BASE_TEXT_BYTES 4096
#define MIB_BYTES  ((uint64_t)1 << 20)

static void add_piece(struct costs *c, size_t i)
{
	struct rules_sample in;
	size_t len, at;

	if (c->len == COST_BLEND_BYTES || !c->ask->stock(c->ask->userdata, i, &in))
		return;
	len = MIN(MIN(in.len, COST_PIECE_BYTES), COST_BLEND_BYTES - c->len);
	/* the first one with its head, which conditions look at; of others the middle */
	at = c->len == 0 ? 0 : (in.len - len) / 2;
	memcpy(c->blend + c->len, (const uint8_t *)in.bytes + at, len);
	c->len += len;
}

/* One letter again and again: nothing is slower for a regular expression that may begin at
 * each of them, and whoever wants to hold up a scan knows that. */
static void add_run(struct costs *c)
{
	const size_t len = MIN(COST_RUN_BYTES, COST_BLEND_BYTES - c->len);

	memset(c->blend + c->len, 'a', len);
	c->len += len;
}

int costs_init(struct costs *c, struct rules_trial *ask, size_t n)
{
	*c = (struct costs){.ask = ask, .n = n};
	c->blend = malloc(COST_BLEND_BYTES);
	c->files = calloc(n + 1, sizeof(*c->files));
	if (!c->blend || !c->files) {
		costs_deinit(c);
		return -ENOMEM;
	}
	for (size_t first = 0; first < STRIDE; first++)
		for (size_t i = first; i < ask->n_stock; i += STRIDE) {
			add_piece(c, i);
			if (i == 0)
				add_run(c);
		}
	for (size_t i = 0; i < n; i++)
		c->files[i].file = i;
	return 0;
}

void costs_deinit(struct costs *c)
{
	free(c->blend);
	free(c->files);
	*c = (struct costs)COSTS_NULL;
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	const YR_MODULE_IMPORT *import = data;
	unsigned *mask = userdata;

	if (message == CALLBACK_MSG_IMPORT_MODULE)
		*mask |= rules_module_bit(import->module_name);
	return CALLBACK_CONTINUE;
}

/* How to measure. */
struct way {
	size_t len;     /* of the blend */
	unsigned times; /* the least counts */
	nsec_t plain;   /* what took so long is not measured again */
};

/* @mask: modules that were loaded are added. */
static nsec_t scan(const struct costs *c, YR_RULES *rules, const struct way *way, unsigned *mask)
{
	nsec_t least = UINT64_MAX, began;
	unsigned times = way->times;
	YR_SCANNER *yr;

	if (yr_scanner_create(rules, &yr) != ERROR_SUCCESS)
		return 0;
	yr_scanner_set_callback(yr, on_message, mask);
	yr_scanner_set_flags(yr, FLAGS);
	division_begin();
	for (unsigned i = 0; i < times; i++) {
		yr->entry_point = YR_UNDEFINED;
		yr->timeout = RULES_TRIAL_FILE_NSEC;
		began = clock_thread();
		if (yr_scanner_scan_mem(yr, c->blend, way->len) != ERROR_SUCCESS)
			times = 0; /* too long, or broken: the time it took counts */
		least = MIN(least, clock_thread() - began);
		if (least > way->plain)
			break;
	}
	(void)division_end(); /* the trial tells of it */
	yr_scanner_destroy(yr);
	return least;
}

/*
 * A rule that asks nothing, with these modules, and with a string for each letter, none of
 * which is anywhere: libyara follows the bytes of a file from letter to letter for any
 * rules, three times as long as for none.
 */
static void write_base(unsigned mask, char text[BASE_TEXT_BYTES])
{
	FILE *f = fmemopen(text, BASE_TEXT_BYTES, "w");

	if (!f) {
		text[0] = '\0';
		return;
	}
	for (unsigned i = 0; i < N_RULES_MODULES; i++) /* each makes its objects for every scan */
		if (mask & 1U << i)
			(void)fprintf(f, "import \"%s\" ", rules_module_name(i));
	(void)fprintf(f, "rule idle { strings: ");
	for (int c = 'A'; c <= 'z'; c++)
		if (c <= 'Z' || c >= 'a')
			(void)fprintf(f, "$%c = \"%cqZ~q\" ", c, c);
	(void)fprintf(f, "condition: false and any of them }");
	(void)fclose(f); /* fits */
}

/* 0: not known. */
static nsec_t measure_base(const struct costs *c, unsigned mask, size_t len)
{
	const struct way way = {len, TIMES, PLAIN_NSEC};
	char text[BASE_TEXT_BYTES];
	YR_COMPILER *compiler;
	YR_RULES *rules;
	nsec_t nsec = 0;

	write_base(mask, text);
	if (yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return 0;
	if (yr_compiler_add_string(compiler, text, NULL) == 0 &&
	    yr_compiler_get_rules(compiler, &rules) == ERROR_SUCCESS) {
		nsec = scan(c, rules, &way, &mask);
		(void)yr_rules_destroy(rules);
	}
	yr_compiler_destroy(compiler);
	return nsec;
}

static nsec_t base(struct costs *c, unsigned mask, size_t len)
{
	struct cost_base b = {.modules = mask, .len = len};

	for (size_t i = 0; i < c->n_bases; i++)
		if (c->bases[i].modules == mask && c->bases[i].len == len)
			return c->bases[i].nsec;
	b.nsec = measure_base(c, mask, len);
	if (c->n_bases < ARRAY_SIZE(c->bases))
		c->bases[c->n_bases++] = b;
	return b.nsec;
}

static nsec_t measure(struct costs *c, YR_RULES *rules, struct way way)
{
	unsigned mask = 0;
	nsec_t nsec, none;

	way.len = MIN(way.len, c->len);
	if (way.len == 0)
		return 0;
	nsec = scan(c, rules, &way, &mask);
	none = base(c, mask, way.len);
	return nsec > none ? (nsec - none) * MIB_BYTES / way.len : 0;
}

void costs_screen(struct costs *c, size_t i, YR_RULES *rules, bool pe)
{
	struct cost *cost = &c->files[i];
	const nsec_t began = clock_thread();
	nsec_t nsec;

	/* A budget that some are not held to would be none. */
	if (c->len == 0 || (c->ask->budget == 0 && c->spent >= COST_SCREEN_NSEC))
		return;
	nsec = measure(c, rules, (struct way){COST_SCREEN_BYTES, 1, PLAIN_NSEC});
	if (nsec > SUSPECT_NSEC && nsec < PLAIN_NSEC) /* or the caches were cold */
		nsec = MIN(nsec, measure(c, rules,
		                         (struct way){COST_SCREEN_BYTES, TIMES, PLAIN_NSEC}));
	if (!pe || nsec > cost->nsec) {
		cost->nsec = nsec;
		cost->pe = pe;
	}
	cost->measured = true;
	c->spent += clock_thread() - began;
}

nsec_t costs_measure(struct costs *c, YR_RULES *rules)
{
	return measure(c, rules, (struct way){c->len, TIMES, PLAIN_NSEC});
}

size_t costs_probe_len(const struct costs *c, nsec_t per_mib)
{
	const nsec_t whole = per_mib * c->len / MIB_BYTES;
	const size_t least = MIN(c->len, COST_PROBE_BYTES);

	return whole <= PROBE_NSEC ? c->len : MAX(least, c->len * PROBE_NSEC / whole);
}

nsec_t costs_probe(struct costs *c, YR_RULES *rules, size_t len)
{
	return measure(c, rules, (struct way){len, TIMES, PROBE_NSEC});
}
