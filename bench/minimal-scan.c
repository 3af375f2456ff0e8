/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest listener that judges what is opened
 *
 * `minimal-scan DIR HASHES RULES` holds the opens of DIR's file system (a mount of your
 * own!), prints "ready", and for each: reads the file once, SHA-256 by libcrypto, looks it
 * up in the sorted list, runs the YARA rules over the same bytes, answers. One thread, no
 * time limit, no seal, no record, nothing that survives a crash: what custos is compared
 * to when it knows nothing about a file yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>
#include <yara.h>

#include "custos/cleanup.h"

#define SHA_BYTES 32
#define FILE_MAX  ((size_t)1 << 20) /* the bench opens 4 KiB files; more is allowed unread */

struct judge {
	uint8_t (*hashes)[SHA_BYTES]; /* sorted */
	size_t n_hashes;
	YR_RULES *rules;
	YR_SCANNER *scanner;
	EVP_MD_CTX *digest;
	const EVP_MD *sha256;
	uint8_t buf[FILE_MAX];
};

static int compare_hash(const void *a, const void *b)
{
	return memcmp(a, b, SHA_BYTES);
}

static bool parse_hash(const char *line, uint8_t hash[SHA_BYTES])
{
	for (unsigned i = 0; i < SHA_BYTES; i++) {
		unsigned byte;

		if (sscanf(line + 2 * i, "%2x", &byte) != 1)
			return false;
		hash[i] = (uint8_t)byte;
	}
	return true;
}

static int load_hashes(struct judge *j, const char *path)
{
	_cleanup_(file_closep) FILE *f = fopen(path, "re");
	char line[128];
	size_t room = 0;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (j->n_hashes == room) {
			void *p;

			room = room ? 2 * room : 4096;
			p = reallocarray(j->hashes, room, SHA_BYTES);
			if (!p)
				return -ENOMEM;
			j->hashes = p;
		}
		j->n_hashes += parse_hash(line, j->hashes[j->n_hashes]);
	}
	qsort(j->hashes, j->n_hashes, SHA_BYTES, compare_hash);
	return 0;
}

static int load_rules(struct judge *j, const char *path)
{
	_cleanup_(file_closep) FILE *f = fopen(path, "re");
	YR_COMPILER *compiler;
	int err;

	if (!f)
		return -errno;
	if (yr_initialize() != ERROR_SUCCESS ||
	    yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return -ENOMEM;
	err = yr_compiler_add_file(compiler, f, NULL, path);
	if (err == 0)
		err = yr_compiler_get_rules(compiler, &j->rules);
	yr_compiler_destroy(compiler);
	if (err != 0 || yr_scanner_create(j->rules, &j->scanner) != ERROR_SUCCESS)
		return -EINVAL;
	yr_scanner_set_flags(j->scanner, SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH |
	                                         SCAN_FLAGS_REPORT_RULES_MATCHING);
	return 0;
}

static int on_match(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	bool *matched = userdata;

	*matched |= message == CALLBACK_MSG_RULE_MATCHING;
	return CALLBACK_CONTINUE;
}

static bool is_malicious(struct judge *j, int fd)
{
	ssize_t n = pread(fd, j->buf, sizeof(j->buf), 0);
	uint8_t hash[SHA_BYTES];
	bool matched = false;

	if (n < 0 || EVP_DigestInit_ex(j->digest, j->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(j->digest, j->buf, (size_t)n) != 1 ||
	    EVP_DigestFinal_ex(j->digest, hash, NULL) != 1)
		return true; /* the opener sees the error, the run fails */
	if (bsearch(hash, j->hashes, j->n_hashes, SHA_BYTES, compare_hash))
		return true;
	yr_scanner_set_callback(j->scanner, on_match, &matched);
	return yr_scanner_scan_mem(j->scanner, j->buf, (size_t)n) != ERROR_SUCCESS ||
	       matched;
}

static int group_open(const char *dir)
{
	int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE,
	                          O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);

	if (group < 0 ||
	    fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
	                  FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM, AT_FDCWD, dir) < 0)
		return -errno;
	return group;
}

static int serve(struct judge *j, int group)
{
	struct fanotify_event_metadata event;
	struct fanotify_response response;

	while (read(group, &event, sizeof(event)) == (ssize_t)sizeof(event)) {
		response.fd = event.fd;
		response.response = is_malicious(j, event.fd) ? FAN_DENY : FAN_ALLOW;
		if (write(group, &response, sizeof(response)) !=
		    (ssize_t)sizeof(response))
			return -errno;
		(void)close(event.fd);
	}
	return -errno;
}

int main(int argc, char **argv)
{
	static struct judge judge;
	int group, r;

	if (argc != 4)
		return 2;
	judge.digest = EVP_MD_CTX_new();
	judge.sha256 = EVP_sha256();
	r = judge.digest ? load_hashes(&judge, argv[2]) : -ENOMEM;
	if (r == 0)
		r = load_rules(&judge, argv[3]);
	group = r < 0 ? r : group_open(argv[1]);
	if (group >= 0) {
		(void)puts("ready");
		(void)fflush(stdout);
		r = serve(&judge, group);
	} else {
		r = group;
	}
	(void)fprintf(stderr, "minimal-scan: %s\n", strerror(-r));
	return 1;
}
