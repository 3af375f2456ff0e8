/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle: verification
 *
 * Owns: the order: read, verify, only then parse; and which names a bundle's folder may
 * hold. Must not own: how it is copied (bundle-copy.c), what is too old
 * (bundle-admit.c). Hands off to: signature, bundle-manifest.
 */
#include "custos/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"

#include "bundle-dir.h"

void bundle_deinit(struct bundle *b)
{
	bundle_manifest_deinit(&b->manifest);
	*b = (struct bundle)BUNDLE_NULL;
}

static int reject(struct diag *d, const char *label, const char *name, const char *text)
{
	(void)diag_add(d, label, 0, "%s%s%s", name ? name : "", name ? ": " : "", text);
	return -EKEYREJECTED;
}

static void count(struct bundle *b, const struct bundle_key *key)
{
	for (unsigned i = 0; i < b->n_signers; i++)
		if (memcmp(b->signers[i].id, key->key.id, SIGNATURE_ID_BYTES) == 0)
			return; /* each key once, however often it signs */
	b->signers[b->n_signers].vendor = key->vendor;
	memcpy(b->signers[b->n_signers++].id, key->key.id, SIGNATURE_ID_BYTES);
}

/* One signature file. */
static int verify_one(const struct bundle_dir *dir, const char *name,
                      const struct bundle_keys *keys, const char *text, size_t len,
                      struct bundle *b, struct diag *d)
{
	_cleanup_(freep) char *sig_text = NULL;
	const struct bundle_key *key;
	const char *why = NULL;
	struct signature sig;
	size_t sig_len;
	int r = bundle_dir_read(dir, name, SIGNATURE_FILE_MAX, &sig_text, &sig_len, d);

	if (r == 0)
		r = signature_parse(sig_text, sig_len, &sig, &why);
	if (r == -EBADMSG)
		return reject(d, dir->label, name, why);
	if (r < 0)
		return r;
	key = bundle_keys_find(keys, sig.id);
	if (!key)
		return 0;
	r = signature_verify(&sig, &key->key, text, len);
	if (r == -EKEYREJECTED)
		return reject(d, dir->label, name,
		              "the signature does not fit: MANIFEST or the signature "
		              "was changed");
	if (r == 0)
		count(b, key);
	return r;
}

static int check_demand(const struct bundle *b, const struct bundle_demand *demand,
                        const char *label, size_t n_sigs, struct diag *d)
{
	bool vendor = false, site = false;
	char text[160];

	for (unsigned i = 0; i < b->n_signers; i++) {
		vendor |= b->signers[i].vendor;
		site |= !b->signers[i].vendor;
	}
	if (n_sigs == 0)
		return reject(d, label, NULL, "no signature");
	if (b->n_signers == 0)
		return reject(d, label, NULL, "signed by no key that is trusted here");
	if (demand && b->n_signers < demand->threshold) {
		(void)snprintf(text, sizeof(text),
		               "signed by %u trusted key%s, %u are needed (Threshold=)",
		               b->n_signers, b->n_signers == 1 ? "" : "s",
		               demand->threshold);
		return reject(d, label, NULL, text);
	}
	if (demand && demand->both && !(vendor && site))
		return reject(d, label, NULL,
		              vendor ? "signed by the vendor, but not by this site "
		                       "(Threshold=)"
		                     : "signed by this site, but not by the vendor "
		                       "(Threshold=)");
	return 0;
}

static int verify(const struct bundle_dir *dir, const struct bundle_names *names,
                  const struct bundle_keys *keys, const struct bundle_demand *demand,
                  const char *text, size_t len, struct bundle *b, struct diag *d)
{
	size_t n_sigs = 0;
	int r = 0;

	for (size_t i = 0; i < names->n && r == 0; i++) {
		if (!bundle_is_signature(names->items[i]))
			continue;
		if (++n_sigs > BUNDLE_SIGNATURES_MAX)
			return reject(d, dir->label, NULL, "more than 16 signatures");
		r = verify_one(dir, names->items[i], keys, text, len, b, d);
	}
	return r < 0 ? r : check_demand(b, demand, dir->label, n_sigs, d);
}

int bundle_read(int dirfd, const char *label, const struct bundle_keys *keys,
                const struct bundle_demand *demand, struct bundle *ret, struct diag *d)
{
	_cleanup_(bundle_names_deinit) struct bundle_names names = {0};
	_cleanup_(bundle_deinit) struct bundle b = BUNDLE_NULL;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *file = NULL;
	const struct bundle_dir dir = {dirfd, label};
	size_t len;
	int r;

	if (asprintf(&file, "%s/MANIFEST", label) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	r = bundle_dir_list(&dir, &names, d);
	if (r == 0)
		r = bundle_dir_read(&dir, "MANIFEST", BUNDLE_MANIFEST_MAX, &text, &len,
		                    d);
	if (r == 0 && keys)
		r = verify(&dir, &names, keys, demand, text, len, &b, d);
	if (r == 0)
		r = bundle_manifest_parse(file, text, len, &b.manifest, d);
	if (r == 0)
		r = bundle_dir_digest_text(text, len, b.sha256);
	if (r < 0)
		return r;
	*ret = b;
	b = (struct bundle)BUNDLE_NULL;
	return 0;
}

static bool lists(const struct bundle_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n_files; i++)
		if (strcmp(m->files[i].name, name) == 0)
			return true;
	return false;
}

static bool has(const struct bundle_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

int bundle_check_names(int dirfd, const char *label, const struct bundle *b,
                       struct diag *d)
{
	_cleanup_(bundle_names_deinit) struct bundle_names names = {0};
	const struct bundle_dir dir = {dirfd, label};
	int r = bundle_dir_list(&dir, &names, d);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.items[i];

		if (strcmp(name, "MANIFEST") != 0 && !bundle_is_signature(name) &&
		    !lists(&b->manifest, name))
			r = diag_add(d, label, 0, "'%s' is not listed in MANIFEST",
			             name);
	}
	for (size_t i = 0; i < b->manifest.n_files; i++)
		if (!has(&names, b->manifest.files[i].name))
			r = diag_add(d, label, 0, "'%s' is missing",
			             b->manifest.files[i].name);
	return r;
}

int bundle_check_files(int dirfd, const char *label, const struct bundle *b,
                       struct diag *d)
{
	const struct bundle_dir dir = {dirfd, label};
	int result = 0;

	for (size_t i = 0; i < b->manifest.n_files; i++) {
		const struct bundle_file *f = &b->manifest.files[i];
		uint8_t sha256[DIGEST_MAX_BYTES];
		int r = bundle_dir_digest(&dir, f->name, sha256, d);

		if (r == 0 && memcmp(sha256, f->sha256, sizeof(sha256)) != 0)
			r = diag_add(d, label, 0,
			             "'%s' was changed: it is not what MANIFEST says",
			             f->name);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			result = r;
	}
	return result;
}
