/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of any files, taken in as an import does: what comes out of it is whole, listed and signed
 *
 * The input is a row of files: "@NAME\n", then its bytes up to the next "\n@"; "@NAME>TARGET\n" is a link.
 * Bytes by chance have neither digests nor signatures that fit, so two things are filled in: a digest of 64
 * zeros in MANIFEST becomes that of the file it names, and a signature without bytes is made.
 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/bundle.h"
#include "custos/digest.h"
#include "custos/text.h"

#define FILES_MAX 32
#define HEX_BYTES ((size_t)2 * DIGEST_MAX_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[32] = "a key that is known to everybody";

static struct world {
	int from, to;
	EVP_PKEY *pkey;
	struct bundle_key trusted;
	struct bundle_keys keys;
} w;

struct file {
	char name[256];
	const char *bytes;
	size_t len;
};

static int new_folder(void)
{
	char path[] = "/dev/shm/fuzz-bundle-XXXXXX";
	int fd = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0)
		abort();
	return fd;
}

static void remove_folders(void)
{
	char path[64], target[4096];

	for (int i = 0; i < 2; i++) {
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", i ? w.to : w.from);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			(void)rmdir(target);
		}
	}
}

static void start(void)
{
	size_t len = sizeof(w.trusted.key.key);

	if (digest_global_init() < 0)
		abort();
	w.from = new_folder();
	w.to = new_folder();
	(void)atexit(remove_folders);
	w.pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof(secret));
	if (!w.pkey || EVP_PKEY_get_raw_public_key(w.pkey, w.trusted.key.key, &len) != 1)
		abort();
	memcpy(w.trusted.key.id, "custos-1", SIGNATURE_ID_BYTES);
	w.keys = (struct bundle_keys){&w.trusted, 1};
}

static void empty(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    unlinkat(dirfd, e->d_name, 0) < 0)
			abort();
	(void)closedir(dir);
}

static size_t split(const char *text, size_t size, struct file files[FILES_MAX])
{
	const char *p = text, *end = text + size;
	size_t n = 0;

	while (n < FILES_MAX && p < end && *p == '@') {
		const char *line = memchr(p, '\n', (size_t)(end - p)), *next;
		struct file *f = &files[n];

		if (!line || (size_t)(line - p) > sizeof(f->name))
			break;
		(void)snprintf(f->name, sizeof(f->name), "%.*s", (int)(line - p - 1), p + 1);
		f->bytes = line + 1;
		next = memmem(line, (size_t)(end - line), "\n@", 2);
		p = next ? next + 1 : end;
		f->len = next ? (size_t)(next + 1 - f->bytes) : (size_t)(end - f->bytes);
		if (next == line)
			f->len = 0;
		n += *f->name && !strchr(f->name, '/') && strcmp(f->name, ".") != 0 && strcmp(f->name, "..") != 0;
	}
	return n;
}

static void digest(const void *bytes, size_t len, char hex[HEX_BYTES + 1])
{
	uint8_t sha256[EVP_MAX_MD_SIZE];

	if (EVP_Digest(bytes, len, sha256, NULL, EVP_sha256(), NULL) != 1)
		abort();
	text_hex(sha256, DIGEST_MAX_BYTES, hex);
}

/* A copy of MANIFEST whose lines of 64 zeros have the digest of the file they name. */
static char *fill_in(const struct file *manifest, const struct file *files, size_t n)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000  ";
	char *text = malloc(manifest->len + 1), *p = text, hex[HEX_BYTES + 1];

	if (!text)
		abort();
	memcpy(text, manifest->bytes, manifest->len);
	text[manifest->len] = '\0';
	while ((p = strstr(p, zeros))) {
		const char *name = p + sizeof(zeros) - 1;

		for (size_t i = 0; i < n; i++) {
			size_t len = strlen(files[i].name);

			if (strncmp(name, files[i].name, len) != 0 || name[len] != '\n')
				continue;
			digest(files[i].bytes, files[i].len, hex);
			memcpy(p, hex, HEX_BYTES);
			break;
		}
		p += HEX_BYTES;
	}
	return text;
}

/* As signify(1) writes it. */
static size_t sign(const char *text, size_t len, char *ret, size_t size)
{
	uint8_t raw[2 + SIGNATURE_ID_BYTES + 64] = "Ed";
	size_t sig_len = 64;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char base64[2 * sizeof(raw)];

	memcpy(raw + 2, w.trusted.key.id, SIGNATURE_ID_BYTES);
	if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, w.pkey) != 1 ||
	    EVP_DigestSign(ctx, raw + 2 + SIGNATURE_ID_BYTES, &sig_len, (const uint8_t *)text, len) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	(void)EVP_EncodeBlock((uint8_t *)base64, raw, sizeof(raw));
	return (size_t)snprintf(ret, size, "untrusted comment: x\n%s\n", base64);
}

/* What has a name already, or one that the file system does not take, is left out. */
static void put(const char *name, const char *bytes, size_t len)
{
	const char *link = strchr(name, '>');
	char path[256];
	int fd;

	if (link) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)(link - name), name);
		(void)!symlinkat(link + 1, w.from, path);
		return;
	}
	fd = openat(w.from, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, bytes, len) != (ssize_t)len)
		abort();
	(void)close(fd);
}

static bool is_signature(const struct file *f)
{
	return strncmp(f->name, "MANIFEST.", 9) == 0;
}

static void make_folder(const char *data, size_t size)
{
	struct file files[FILES_MAX];
	size_t n = split(data, size, files), len = 0;
	char *manifest = NULL, sig[512];

	for (size_t i = 0; i < n && !manifest; i++) {
		if (strcmp(files[i].name, "MANIFEST") != 0)
			continue;
		manifest = fill_in(&files[i], files, n);
		len = files[i].len;
		put("MANIFEST", manifest, len);
	}
	for (size_t i = 0; i < n; i++) {
		if (manifest && is_signature(&files[i]) && files[i].len == 0)
			put(files[i].name, sig, sign(manifest, len, sig, sizeof(sig)));
		else
			put(files[i].name, files[i].bytes, files[i].len);
	}
	free(manifest);
}

/* What was taken in: regular files, each listed with its digest or a signature. */
static void check_copy(const struct bundle *b)
{
	char hex[HEX_BYTES + 1], want[HEX_BYTES + 1], buf[1 << 16];
	size_t n_signers = b->n_signers;

	if (n_signers != 1)
		abort();
	for (size_t i = 0; i < b->manifest.n_files; i++) {
		const struct bundle_file *f = &b->manifest.files[i];
		int fd = openat(w.to, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		ssize_t len = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
		struct stat st;

		if (len < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			abort();
		(void)close(fd);
		digest(buf, (size_t)len, hex);
		text_hex(f->sha256, DIGEST_MAX_BYTES, want);
		if ((size_t)st.st_size < sizeof(buf) && strcmp(hex, want) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bundle_demand demand = {.threshold = 1};
	struct bundle b = BUNDLE_NULL;
	struct diag d = DIAG_NULL;
	int r;

	if (!w.pkey)
		start();
	make_folder((const char *)data, size);
	r = bundle_copy_head(w.from, w.to, "bundle", &d);
	if (r == 0)
		r = bundle_read(w.to, "bundle", &w.keys, &demand, &b, &d);
	if (r == 0)
		r = bundle_copy_files(w.from, w.to, "bundle", &b, &d);
	if (r == 0)
		r = bundle_check_files(w.to, "bundle", &b, &d);
	if ((r < 0) != (d.n_total > 0)) /* refused without a reason, or the other way round */
		abort();
	if (r == 0)
		check_copy(&b);
	bundle_deinit(&b);
	diag_deinit(&d);
	empty(w.from);
	empty(w.to);
	return 0;
}
