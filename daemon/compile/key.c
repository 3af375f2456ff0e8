/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: the key of an image
 *
 * Owns: what goes into the key. Must not own: the meaning of any byte of an input.
 *
 * Whoever keeps an image asks later: would the same come out again? It would if the
 * same program with the same library reads the same bytes under the same names (names
 * are in messages and namespaces).
 */
#include "key.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/image.h"
#include "custos/rules.h"

#define KEY_MAGIC  "custos-rules-key 2"
#define READ_BYTES (64 * 1024)

static int identify(const char *path, struct key_file *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*ret = (struct key_file){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size_bytes = (uint64_t)st.st_size,
		.mtime = timespec_nsec(&st.st_mtim),
		.ctime = timespec_nsec(&st.st_ctim),
	};
	return 0;
}

int key_programs(struct key_programs *ret)
{
	const void *symbol = dlsym(RTLD_DEFAULT, "yr_compiler_create");
	Dl_info yara;
	/* Not /proc/self/exe: packages are installed where /proc is not mounted. */
	int r = identify((const char *)getauxval(AT_EXECFN), &ret->self);

	if (r < 0)
		return r;
	if (!symbol || dladdr(symbol, &yara) == 0)
		return -ENOENT;
	return identify(yara.dli_fname, &ret->libyara);
}

/* A length in front, so that no two sequences of parts are the same bytes. */
static int add(struct digests *d, const void *data, uint64_t len)
{
	int r = digests_update(d, &len, sizeof(len));

	return r < 0 ? r : digests_update(d, data, len);
}

static int add_text(struct digests *d, const char *text)
{
	return add(d, text, strlen(text));
}

static int add_set(struct digests *d, const struct rules_set *set)
{
	char text[RULES_SET_TEXT_BYTES];

	rules_set_text(set, text);
	return add_text(d, text);
}

int key_add_list(struct digests *d, const char *kind, const struct hash_input *in)
{
	static char buf[READ_BYTES];
	uint64_t total = 0;
	ssize_t n;
	int r = add_text(d, kind);

	if (r == 0)
		r = add_text(d, in->file);
	if (r == 0 && lseek(in->fd, 0, SEEK_SET) < 0)
		r = -errno;
	while (r == 0 && (n = read(in->fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			r = digests_update(d, buf, (size_t)n);
		total += n > 0 ? (uint64_t)n : 0;
	}
	if (r == 0)
		r = digests_update(d, &total, sizeof(total));
	if (r == 0 && lseek(in->fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r;
}

static int add_inputs(struct digests *d, const struct inputs *in)
{
	int r = 0;

	for (size_t i = 0; i < in->n_yara && r == 0; i++) {
		r = add_set(d, in->yara[i].set);
		if (r == 0)
			r = add_text(d, in->yara[i].file);
		if (r == 0)
			r = add(d, in->yara[i].text, in->yara[i].len);
	}
	for (size_t i = 0; i < in->n_block && r == 0; i++)
		if (!inputs_is_bulk(in, &in->block[i]))
			r = key_add_list(d, "block", &in->block[i]);
	for (size_t i = 0; i < in->n_allow && r == 0; i++)
		if (!inputs_is_bulk(in, &in->allow[i]))
			r = key_add_list(d, "allow", &in->allow[i]);
	return r;
}

static int add_all(struct digests *d, const struct key_programs *programs,
                   const struct inputs *in, const struct bulk *bulk)
{
	const uint64_t numbers[] = {IMAGE_VERSION, rules_yara_version(), in->n_yara,
	                            in->n_block, in->n_allow, in->self_test,
	                            in->rule_budget};
	int r = add_text(d, KEY_MAGIC);

	if (r == 0)
		r = add_text(d, CUSTOS_VERSION);
	if (r == 0)
		r = add(d, programs, sizeof(*programs));
	if (r == 0)
		r = add(d, numbers, sizeof(numbers));
	if (r == 0)
		r = add_text(d, bulk ? bulk->now : "");
	return r == 0 ? add_inputs(d, in) : r;
}

int key_of(const struct key_programs *programs, const struct inputs *in,
           const struct bulk *bulk, uint8_t ret[KEY_BYTES])
{
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	struct digests d;
	int r = digests_init(&d, 1U << DIGEST_SHA256);

	if (r < 0)
		return r;
	r = digests_begin(&d);
	if (r == 0)
		r = add_all(&d, programs, in, bulk);
	if (r == 0)
		r = digests_final(&d, out);
	digests_deinit(&d);
	if (r == 0)
		memcpy(ret, out[DIGEST_SHA256], KEY_BYTES);
	return r;
}

bool key_holds(const struct key_programs *programs, const struct inputs *in,
               const struct bulk *bulk, const uint8_t key[KEY_BYTES])
{
	uint8_t again[KEY_BYTES];

	if (in->n_block + in->n_allow == 0)
		return true; /* texts are in memory */
	return key_of(programs, in, bulk, again) == 0 && memcmp(again, key, KEY_BYTES) == 0;
}
