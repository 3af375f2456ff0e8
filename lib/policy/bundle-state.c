/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle state
 *
 * Owns: the form of the state file, and that it is replaced as a whole.
 * Must not own: which records bind (bundle-rules.c), what to do when it is lost (the
 * supervisor).
 */
#include "custos/bundle-state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/cleanup.h"
#include "custos/text.h"

#define HEAD      "custos-bundle-state 1\n"
#define NAME      "state"
#define NAME_NEW  "state.new"
#define END_BYTES (4 + 2 * DIGEST_MAX_BYTES + 1) /* "end HEX\n" */

void bundle_state_deinit(struct bundle_state *s)
{
	free(s->records);
	free(s->withdrawn);
	*s = (struct bundle_state)BUNDLE_STATE_NULL;
}

static struct bundle_record *add_record(struct bundle_state *s)
{
	struct bundle_record *p =
		reallocarray(s->records, s->n_records + 1, sizeof(*p));

	if (!p)
		return NULL;
	s->records = p;
	p[s->n_records] = (struct bundle_record){0};
	return &p[s->n_records++];
}

int bundle_state_note(struct bundle_state *s, const uint8_t key_id[SIGNATURE_ID_BYTES],
                      const struct bundle_manifest *m,
                      const uint8_t sha256[DIGEST_MAX_BYTES])
{
	struct bundle_record *r = NULL;

	for (size_t i = 0; i < s->n_records && !r; i++)
		if (memcmp(s->records[i].key_id, key_id, SIGNATURE_ID_BYTES) == 0 &&
		    strcmp(s->records[i].channel, m->channel) == 0)
			r = &s->records[i];
	if (!r && s->n_records == BUNDLE_STATE_RECORDS_MAX)
		return -E2BIG;
	if (!r)
		r = add_record(s);
	if (!r)
		return -ENOMEM;
	memcpy(r->key_id, key_id, SIGNATURE_ID_BYTES);
	memcpy(r->channel, m->channel, sizeof(r->channel));
	if (m->serial > r->serial)
		memcpy(r->manifest, sha256, sizeof(r->manifest));
	r->serial = MAX(r->serial, m->serial);
	r->created_sec = MAX(r->created_sec, m->created_sec);
	return 0;
}

int bundle_state_withdraw(struct bundle_state *s, const char *channel, int64_t serial)
{
	struct bundle_withdrawn *w;

	for (size_t i = 0; i < s->n_withdrawn; i++) {
		if (strcmp(s->withdrawn[i].channel, channel) == 0) {
			s->withdrawn[i].serial = serial;
			return 0;
		}
	}
	if (s->n_withdrawn == BUNDLE_STATE_RECORDS_MAX)
		return -E2BIG;
	w = reallocarray(s->withdrawn, s->n_withdrawn + 1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	s->withdrawn = w;
	w += s->n_withdrawn++;
	*w = (struct bundle_withdrawn){.serial = serial};
	(void)snprintf(w->channel, sizeof(w->channel), "%s",
	               channel); /* checked by its reader */
	return 0;
}

int64_t bundle_state_withdrawn(const struct bundle_state *s, const char *channel)
{
	for (size_t i = 0; i < s->n_withdrawn; i++)
		if (strcmp(s->withdrawn[i].channel, channel) == 0)
			return s->withdrawn[i].serial;
	return 0;
}

static bool unhex(const char *s, uint8_t *ret, size_t n)
{
	for (size_t i = 0; i < 2 * n; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = s[i] ? strchr(digits, s[i]) : NULL;

		if (!at)
			return false;
		ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (at - digits));
	}
	return s[2 * n] == '\0';
}

static int parse_key(const char *line, struct bundle_state *s)
{
	char id[2 * SIGNATURE_ID_BYTES + 2], hash[2 * DIGEST_MAX_BYTES + 2];
	struct bundle_record r = {0}, *p;

	if (sscanf(line, "key %17s %32s %" SCNd64 " %" SCNd64 " %65s", id, r.channel,
	           &r.serial, &r.created_sec, hash) != 5 ||
	    !unhex(id, r.key_id, SIGNATURE_ID_BYTES) ||
	    !unhex(hash, r.manifest, DIGEST_MAX_BYTES) ||
	    !bundle_channel_valid(r.channel) || r.serial < 1 ||
	    r.serial > BUNDLE_SERIAL_MAX || r.created_sec < 0 ||
	    s->n_records == BUNDLE_STATE_RECORDS_MAX)
		return -EBADMSG;
	p = add_record(s);
	if (!p)
		return -ENOMEM;
	*p = r;
	return 0;
}

static int parse_line(const char *line, struct bundle_state *s)
{
	struct bundle_withdrawn w = {0};
	int r;

	if (strncmp(line, "key ", 4) == 0)
		return parse_key(line, s);
	if (sscanf(line, "withdrawn %32s %" SCNd64, w.channel, &w.serial) != 2 ||
	    !bundle_channel_valid(w.channel) || w.serial < 0 ||
	    w.serial > BUNDLE_SERIAL_MAX)
		return -EBADMSG;
	r = bundle_state_withdraw(s, w.channel, w.serial);
	return r == -E2BIG ? -EBADMSG : r;
}

/* "end HEX\n" over @len bytes. */
static int end_line(const char *text, size_t len, char ret[END_BYTES + 1])
{
	uint8_t sha256[EVP_MAX_MD_SIZE];
	char hex[2 * DIGEST_MAX_BYTES + 1];

	if (EVP_Digest(text, len, sha256, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM; /* the algorithm is built in: nothing else can fail */
	text_hex(sha256, DIGEST_MAX_BYTES, hex);
	(void)snprintf(ret, END_BYTES + 1, "end %s\n", hex); /* fits */
	return 0;
}

int bundle_state_parse(const char *text, size_t len, struct bundle_state *ret)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;
	_cleanup_(freep) char *copy = NULL;
	char end[END_BYTES + 1], *line, *rest;
	int r;

	if (len > BUNDLE_STATE_BYTES_MAX || len < strlen(HEAD) + END_BYTES ||
	    memchr(text, '\0', len) || memcmp(text, HEAD, strlen(HEAD)) != 0)
		return -EBADMSG;
	len -= END_BYTES;
	r = end_line(text, len, end);
	if (r < 0)
		return r;
	if (memcmp(text + len, end, END_BYTES) != 0)
		return -EBADMSG;
	copy = rest = text_copy(text + strlen(HEAD), len - strlen(HEAD));
	if (!copy)
		return -ENOMEM;
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = *line || rest ? parse_line(line, &s) : 0;
	if (r < 0)
		return r;
	*ret = s;
	s = (struct bundle_state)BUNDLE_STATE_NULL;
	return 0;
}

int bundle_state_format(const struct bundle_state *s, char **ret, size_t *ret_len)
{
	_cleanup_(freep) char *text = NULL;
	char end[END_BYTES + 1];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return -ENOMEM;
	(void)fputs(HEAD, f); /* all failures show at fclose() */
	for (size_t i = 0; i < s->n_records; i++) {
		const struct bundle_record *k = &s->records[i];
		char id[2 * SIGNATURE_ID_BYTES + 1], hash[2 * DIGEST_MAX_BYTES + 1];

		text_hex(k->key_id, SIGNATURE_ID_BYTES, id);
		text_hex(k->manifest, DIGEST_MAX_BYTES, hash);
		(void)fprintf(f, "key %s %s %" PRId64 " %" PRId64 " %s\n", id,
		              k->channel, k->serial, k->created_sec, hash);
	}
	for (size_t i = 0; i < s->n_withdrawn; i++)
		(void)fprintf(f, "withdrawn %s %" PRId64 "\n", s->withdrawn[i].channel,
		              s->withdrawn[i].serial);
	r = fflush(f) == 0 ? end_line(text, len, end) : -ENOMEM;
	if (r == 0)
		(void)fputs(end, f);
	if (fclose(f) != 0 || r < 0)
		return -ENOMEM;
	*ret = ptr_take(&text);
	*ret_len = len;
	return 0;
}

int bundle_state_load(int dirfd, struct bundle_state *ret)
{
	_cleanup_(fd_closep) int fd =
		openat(dirfd, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_(freep) char *text = NULL;
	size_t len = 0;

	if (fd < 0)
		return -errno;
	text = malloc(BUNDLE_STATE_BYTES_MAX + 1);
	if (!text)
		return -ENOMEM;
	while (len <= BUNDLE_STATE_BYTES_MAX) {
		ssize_t n = read(fd, text + len, BUNDLE_STATE_BYTES_MAX + 1 - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	return bundle_state_parse(text, len, ret);
}

int bundle_state_store(int dirfd, const struct bundle_state *s)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(fd_closep) int fd = -1;
	size_t len;
	int r = bundle_state_format(s, &text, &len);

	if (r < 0)
		return r;
	(void)unlinkat(dirfd, NAME_NEW, 0); /* of a crash */
	fd = openat(dirfd, NAME_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fsync(fd) < 0 || renameat(dirfd, NAME_NEW, dirfd, NAME) < 0 ||
	    fsync(dirfd) < 0)
		return -errno;
	return 0;
}
