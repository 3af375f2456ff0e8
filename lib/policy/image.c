/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as bytes
 *
 * Owns: the form in which a policy crosses to the sealed side, where there is neither
 * NSS nor a disk. Must not own: what a line means. Hands off to: policy_finish(), as
 * the text parser does.
 *
 * "CUSTPOL2", then numbers in little-endian order and strings with their length before
 * them: the same policy gives the same bytes on every host, so a digest of it tells
 * drift. The reader checks every number: a damaged image must not become a different
 * policy.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/conf.h"

#include "internal.h"

static const char magic[8] = "CUSTPOL2";

struct writer {
	char *buf;
	size_t len, size;
	int error; /* the first; nothing is written after it */
};

static void put(struct writer *w, const void *data, size_t len)
{
	size_t size = w->size;
	char *buf;

	if (w->error)
		return;
	if (len > POLICY_IMAGE_BYTES_MAX - w->len) {
		w->error = -E2BIG;
		return;
	}
	while (size - w->len < len)
		size = size ? 2 * size : 4096;
	if (size != w->size) {
		buf = realloc(w->buf, size);
		if (!buf) {
			w->error = -ENOMEM;
			return;
		}
		w->buf = buf;
		w->size = size;
	}
	memcpy(w->buf + w->len, data, len);
	w->len += len;
}

static void put_u64(struct writer *w, uint64_t v)
{
	v = htole64(v);
	put(w, &v, sizeof(v));
}

static void put_u32(struct writer *w, uint32_t v)
{
	v = htole32(v);
	put(w, &v, sizeof(v));
}

static void put_string(struct writer *w, const char *s)
{
	size_t len = strlen(s);

	put_u32(w, (uint32_t)len); /* lines, and so all that is in them, are bounded */
	put(w, s, len);
}

static void put_pred(struct writer *w, const struct policy_pred *pred)
{
	put_u32(w, pred->type);
	put_u32(w, (uint32_t)pred->n_values);
	for (size_t i = 0; i < pred->n_values; i++) {
		if (PRED_MASK(pred->type) & PREDS_NUMBER)
			put_u64(w, pred->values[i].number);
		else
			put_string(w, pred->values[i].str);
	}
}

static void put_line(struct writer *w, const struct policy_line *line)
{
	put_u32(w, line->action);
	put_u32(w, line->events);
	put_u32(w, line->on_match);
	put_u32(w, line->on_error);
	put_u32(w, line->log);
	put_u32(w, line->archives);
	put_u32(w, line->line);
	put_u64(w, line->timeout);
	put_u64(w, line->max_size_bytes);
	put_u64(w, (uint64_t)line->expires);
	put_string(w, line->reason);
	put_string(w, line->file);
	put_string(w, line->text);
	put_u32(w, (uint32_t)line->n_preds);
	for (size_t i = 0; i < line->n_preds; i++)
		put_pred(w, &line->preds[i]);
}

int policy_image(const struct policy *p, char **ret_text, size_t *ret_len)
{
	struct writer w = {0};

	put(&w, magic, sizeof(magic));
	put_u32(&w, (uint32_t)p->n_lines);
	for (size_t i = 0; i < p->n_lines; i++)
		put_line(&w, &p->lines[i]);
	if (w.error) {
		free(w.buf);
		return w.error;
	}
	*ret_text = w.buf;
	*ret_len = w.len;
	return 0;
}

struct reader {
	const char *p;
	size_t left;
	struct policy *policy;
	int error; /* the first; everything reads as 0 after it */
};

static const char *get(struct reader *rd, size_t len)
{
	const char *p = rd->p;

	if (!rd->error && len > rd->left)
		rd->error = -EBADMSG;
	if (rd->error)
		return NULL;
	rd->p += len;
	rd->left -= len;
	return p;
}

static uint64_t get_u64(struct reader *rd)
{
	const char *p = get(rd, sizeof(uint64_t));
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint32_t get_u32(struct reader *rd)
{
	const char *p = get(rd, sizeof(uint32_t));
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* A number up to @max. */
static uint32_t get_bounded(struct reader *rd, uint32_t max)
{
	uint32_t v = get_u32(rd);

	if (v <= max)
		return v;
	rd->error = rd->error ? rd->error : -EBADMSG;
	return 0;
}

static const char *get_string(struct reader *rd, size_t *ret_len)
{
	size_t len = get_u32(rd);
	const char *p = get(rd, len), *copy;

	*ret_len = 0;
	if (!p)
		return "";
	if (memchr(p, '\0', len)) {
		rd->error = -EBADMSG;
		return "";
	}
	copy = arena_strndup(&rd->policy->arena, p, len);
	if (!copy) {
		rd->error = -ENOMEM;
		return "";
	}
	*ret_len = len;
	return copy;
}

static void get_pred(struct reader *rd, struct policy_pred *pred)
{
	const uint32_t room = (uint32_t)(POLICY_VALUES_MAX - rd->policy->n_values);

	*pred = (struct policy_pred){.type = get_bounded(rd, N_PREDS - 1)};
	pred->fact = pred_fact(pred->type);
	pred->n_values = get_bounded(rd, room);
	/* Every value takes at least the four bytes of its length. */
	if (pred->n_values == 0 || pred->n_values > rd->left / sizeof(uint32_t))
		rd->error = rd->error ? rd->error : -EBADMSG;
	if (rd->error)
		return;
	rd->policy->n_values += pred->n_values;
	pred->values =
		arena_alloc(&rd->policy->arena, pred->n_values * sizeof(*pred->values));
	if (!pred->values)
		rd->error = -ENOMEM;
	for (size_t i = 0; !rd->error && i < pred->n_values; i++) {
		struct pred_value *v = &pred->values[i];

		if (PRED_MASK(pred->type) & PREDS_NUMBER)
			v->number = get_u64(rd);
		else
			v->str = get_string(rd, &v->len);
		if (!rd->error && !pred_value_valid(pred->type, v))
			rd->error = -EBADMSG;
	}
}

/* What compile.c makes sure of. */
static bool line_valid(const struct policy_line *line)
{
	unsigned seen = 0;

	for (size_t i = 0; i < line->n_preds; i++) {
		unsigned mask = PRED_MASK(line->preds[i].type);

		if (seen & mask)
			return false;
		seen |= mask;
	}
	if (line->events == 0 || line->expires < 0)
		return false;
	if (line->timeout &&
	    (line->timeout < CONF_TIMEOUT_MIN || line->timeout > CONF_TIMEOUT_MAX))
		return false;
	if (line->max_size_bytes > CONF_MAX_FILE_SIZE_MAX)
		return false;
	return line->action != POLICY_NOWATCH ||
	       (!(seen & ~PREDS_NOWATCH) &&
	        line->events == (POLICY_OPEN | POLICY_EXEC));
}

static void get_line(struct reader *rd)
{
	struct policy_line line;
	size_t len;

	line = (struct policy_line){
		.action = get_bounded(rd, POLICY_SCAN),
	};
	line.events = get_bounded(rd, POLICY_OPEN | POLICY_EXEC | POLICY_WRITE_CLOSE);
	line.on_match = get_bounded(rd, ON_MATCH_LOG);
	line.on_error = get_bounded(rd, ON_ERROR_DENY);
	line.log = get_bounded(rd, LOG_ALL);
	line.archives = get_bounded(rd, ARCHIVES_YES);
	line.line = get_u32(rd);
	line.timeout = get_u64(rd);
	line.max_size_bytes = get_u64(rd);
	line.expires = (int64_t)get_u64(rd);
	line.reason = get_string(rd, &len);
	line.file = get_string(rd, &len);
	line.text = get_string(rd, &len);
	line.n_preds = get_bounded(rd, N_PREDS);
	if (rd->error)
		return;
	line.preds =
		arena_alloc(&rd->policy->arena, line.n_preds * sizeof(*line.preds));
	if (!line.preds)
		rd->error = -ENOMEM;
	for (size_t i = 0; !rd->error && i < line.n_preds; i++)
		get_pred(rd, &line.preds[i]);
	if (!rd->error)
		rd->error = line_valid(&line) ? policy_add_line(rd->policy, &line)
		                              : -EBADMSG;
}

int policy_parse_image(const char *text, size_t len, struct policy **ret)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct reader rd = {.p = text, .left = len};
	const char *head;
	uint32_t n;
	int r;

	if (len > POLICY_IMAGE_BYTES_MAX)
		return -E2BIG;
	r = policy_new(&policy);
	if (r < 0)
		return r;
	rd.policy = policy;
	head = get(&rd, sizeof(magic));
	if (!head || memcmp(head, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	n = get_bounded(&rd, POLICY_LINES_MAX);
	for (uint32_t i = 0; !rd.error && i < n; i++)
		get_line(&rd);
	if (rd.error)
		return rd.error;
	if (rd.left > 0 || policy_finish(policy, NULL) < 0)
		return -EBADMSG;
	*ret = ptr_take(&policy);
	return 0;
}
