/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle: admission
 *
 * Owns: what is too old, expired, or for a later version. Must not own: the records it
 * looks at (bundle-state.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "custos/bundle.h"

/* Records of keys that are trusted no more do not bind. */
static bool binds(const struct bundle_record *r, const struct bundle_keys *keys)
{
	return bundle_keys_find(keys, r->key_id) != NULL;
}

int64_t bundle_now(const struct bundle_state *s, const struct bundle_keys *keys,
                   int64_t clock_sec)
{
	int64_t now = MAX(clock_sec, BUNDLE_RELEASED_SEC);

	for (size_t i = 0; i < s->n_records; i++)
		if (binds(&s->records[i], keys))
			now = MAX(now, s->records[i].created_sec);
	return now;
}

static const char *date(int64_t sec, char buf[32])
{
	time_t t = (time_t)sec;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(buf, 32, "%FT%TZ", &tm) == 0)
		(void)snprintf(buf, 32, "%" PRId64, sec);
	return buf;
}

/* Has a key that is trusted signed something newer, or the same serial with other
 * content? */
static bool is_behind(const struct bundle *b, const struct bundle_state *s,
                      const struct bundle_keys *keys, struct diag *d)
{
	const struct bundle_manifest *m = &b->manifest;
	char id[SIGNATURE_ID_TEXT];

	for (size_t i = 0; i < s->n_records; i++) {
		const struct bundle_record *r = &s->records[i];

		if (strcmp(r->channel, m->channel) != 0 || !binds(r, keys) ||
		    m->serial > r->serial ||
		    (m->serial == r->serial && memcmp(r->manifest, b->sha256, 32) == 0))
			continue;
		signature_id_text(r->key_id, id);
		if (m->serial == r->serial)
			(void)diag_add(d, NULL, 0,
			               "serial %" PRId64
			               " of channel %s was seen with other "
			               "content, signed by key %s",
			               m->serial, m->channel, id);
		else
			(void)diag_add(d, NULL, 0,
			               "serial %" PRId64
			               " of channel %s is older than %" PRId64
			               ", which key %s has signed",
			               m->serial, m->channel, r->serial, id);
		return true;
	}
	return false;
}

static bool is_old(const struct bundle *b, const struct bundle_state *s,
                   const struct bundle_keys *keys, int64_t floor, struct diag *d)
{
	const struct bundle_manifest *m = &b->manifest;
	int64_t withdrawn = bundle_state_withdrawn(s, m->channel);

	if (is_behind(b, s, keys, d))
		return true;
	if (m->serial < floor)
		(void)diag_add(d, NULL, 0,
		               "serial %" PRId64 " of channel %s is older than %" PRId64
		               ", the oldest this version takes",
		               m->serial, m->channel, floor);
	else if (m->serial <= withdrawn)
		(void)diag_add(d, NULL, 0,
		               "serial %" PRId64
		               " of channel %s is not newer than %" PRId64
		               ", which was rolled back: 'custosctl bundle rollback "
		               "--to' brings it back",
		               m->serial, m->channel, withdrawn);
	else
		return false;
	return true;
}

enum bundle_admission bundle_admit(const struct bundle *b, const struct bundle_state *s,
                                   const struct bundle_keys *keys, int64_t floor,
                                   int64_t now_sec, struct diag *d)
{
	const struct bundle_manifest *m = &b->manifest;
	char expired[32], now[32];

	if (is_old(b, s, keys, floor, d))
		return BUNDLE_OLD;
	if (m->expires_sec && m->expires_sec <= now_sec) {
		(void)diag_add(d, NULL, 0, "expired at %s (it is %s)",
		               date(m->expires_sec, expired), date(now_sec, now));
		return BUNDLE_EXPIRED;
	}
	if (m->min_engine[0] &&
	    !bundle_version_at_least(CUSTOS_VERSION, m->min_engine)) {
		(void)diag_add(d, NULL, 0,
		               "needs custos %s or later, this is " CUSTOS_VERSION,
		               m->min_engine);
		return BUNDLE_ENGINE;
	}
	return BUNDLE_ADMITTED;
}
