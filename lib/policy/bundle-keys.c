/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle keys
 *
 * Owns: where keys are looked for, and that no two share an id.
 * Must not own: their format (signature), which files can be trusted (trusted.c).
 */
#include "custos/bundle-keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/confdir.h"

static const struct confdir_want want = {.subdir = "keys.d", .suffix = ".pub"};

const struct bundle_key *bundle_keys_find(const struct bundle_keys *k,
                                          const uint8_t id[SIGNATURE_ID_BYTES])
{
	for (size_t i = 0; i < k->n; i++)
		if (memcmp(k->items[i].key.id, id, SIGNATURE_ID_BYTES) == 0)
			return &k->items[i];
	return NULL;
}

static int add(struct bundle_keys *k, const struct confdir_file *f, bool vendor,
               struct diag *d)
{
	struct bundle_key key = {.vendor = vendor}, *items;
	const struct bundle_key *same;
	const char *why;
	int r = signature_key_parse(f->text, f->len, &key.key, &why);

	if (r == -EBADMSG)
		return diag_add(d, f->path, 0, "%s", why);
	if (r < 0)
		return r;
	/* One key in two files would count once, but as whose? Two keys of one id are
	 * one too many. */
	same = bundle_keys_find(k, key.key.id);
	if (same)
		return diag_add(d, f->path, 0, "has the same key id as %s", same->file);
	key.file = strdup(f->path);
	items = key.file ? reallocarray(k->items, k->n + 1, sizeof(*items)) : NULL;
	if (!items) {
		free(key.file);
		return -ENOMEM;
	}
	k->items = items;
	items[k->n++] = key;
	return 0;
}

static int add_all(struct bundle_keys *k, const struct confdir_files *files,
                   const char *vendor_dir, struct diag *d)
{
	int result = 0;

	for (size_t i = 0; i < files->n; i++) {
		const char *path = files->items[i].path;
		size_t len = strlen(vendor_dir);
		bool vendor = strncmp(path, vendor_dir, len) == 0 && path[len] == '/';
		int r = add(k, &files->items[i], vendor, d);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			result = r;
	}
	return result;
}

int bundle_keys_load(const char *config_root, struct bundle_keys *ret, struct diag *d)
{
	_cleanup_(confdir_files_deinit) struct confdir_files files = {0};
	_cleanup_(bundle_keys_deinit) struct bundle_keys keys = BUNDLE_KEYS_NULL;
	_cleanup_(freep) char *vendor = NULL;
	int r = confdir_read_vendor(config_root, &want, &files, &vendor, d), s;

	if (r < 0 && r != -EINVAL)
		return r;
	s = add_all(&keys, &files, vendor, d);
	if (r < 0 || s < 0)
		return s < 0 ? s : r;
	*ret = keys;
	keys = (struct bundle_keys)BUNDLE_KEYS_NULL;
	return 0;
}

void bundle_keys_deinit(struct bundle_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->items[i].file);
	free(k->items);
	*k = (struct bundle_keys)BUNDLE_KEYS_NULL;
}
