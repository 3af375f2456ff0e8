/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash database at its size: build, load, look up
 *
 * `hashdb COMPILER LIST N` writes N made-up SHA-256 to LIST unless it is there, has
 * COMPILER build an image of it in a memfd, loads that as the scanner does, and looks
 * up what is and what is not in it. The baseline is bsearch() over the same records, in
 * the same run. One line a figure: NAME VALUE UNIT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/engine.h"
#include "custos/hashdb.h"
#include "custos/image.h"
#include "custos/rules.h"

#define IMAGE_FD  3
#define LINE_BYTES 64
#define BATCH     64 /* lookups between two readings of the clock */
#define N_BATCHES 20001

static double seconds(nsec_t since)
{
	return (double)(clock_now() - since) / 1e9;
}

/* The i-th made-up digest: splitmix64, four times. */
static void make_digest(uint64_t i, uint8_t ret[DIGEST_MAX_BYTES])
{
	for (unsigned k = 0; k < 4; k++) {
		uint64_t x = (4 * i + k + 1) * UINT64_C(0x9e3779b97f4a7c15);

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		x ^= x >> 31;
		memcpy(ret + 8 * k, &x, sizeof(x));
	}
}

static int write_list(const char *path, uint64_t n)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[DIGEST_MAX_BYTES];
	char line[2 * DIGEST_MAX_BYTES + 1];
	FILE *f = fopen(path, "wxe");
	int r = 0;

	if (!f)
		return errno == EEXIST ? 0 : -errno;
	line[sizeof(line) - 1] = '\n';
	for (uint64_t i = 0; i < n && r == 0; i++) {
		make_digest(i, digest);
		for (size_t k = 0; k < sizeof(digest); k++) {
			line[2 * k] = digits[digest[k] >> 4];
			line[2 * k + 1] = digits[digest[k] & 15];
		}
		if (fwrite(line, sizeof(line), 1, f) != 1)
			r = -EIO;
	}
	return fclose(f) == 0 ? r : -EIO;
}

static int build(const char *compiler, const char *list, int image_fd)
{
	nsec_t begin = clock_now();
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (dup2(image_fd, IMAGE_FD) == IMAGE_FD &&
		    fcntl(IMAGE_FD, F_SETFD, 0) == 0)
			(void)execl(compiler, compiler, "--out-fd", "3", "--hashes",
			            list, (char *)NULL);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid || status != 0)
		return -ECHILD;
	printf("build %.2f s\n", seconds(begin));
	printf("build-cpu %.2f s\n",
	       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	printf("build-peak %.0f MiB\n", (double)usage.ru_maxrss / 1024);
	return 0;
}

/* Map it as ruleset_load() does, and open the table to look inside. */
static int load(int image_fd, struct image *im, struct hashdb *db)
{
	struct engine_digests d = {.have = (1U << N_DIGESTS) - 1};
	struct ruleset *rs;
	struct finding f;
	nsec_t begin = clock_now();
	size_t size;
	const void *mem;
	int r = ruleset_load(image_fd, -1, &rs);

	if (r < 0)
		return r;
	make_digest(7, d.digest[DIGEST_SHA256]);
	if (ruleset_recall(rs, &d, 1, true, &f) != RECALL_FOUND)
		return -ENOENT;
	printf("load-to-verdict %.1f ms\n", seconds(begin) * 1e3);
	rs = ruleset_free(rs);

	r = image_map(image_fd, rules_yara_version(), im);
	if (r < 0)
		return r;
	mem = image_section(im, IMAGE_BLOCK_SHA256, &size);
	printf("image %.0f MiB\n", (double)im->size / (1 << 20));
	return hashdb_open(mem, size, DIGEST_SHA256, db);
}

static bool by_table(const struct hashdb *db, const uint8_t *digest)
{
	const char *name;

	return hashdb_lookup(db, digest, 1, &name);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_MAX_BYTES);
}

static bool by_bsearch(const struct hashdb *db, const uint8_t *digest)
{
	return bsearch(digest, db->records, db->n, db->record_bytes, compare);
}

/* The least that an exact table of that size can take: one read that leads to another, as likely to be
 * found in a cache as those of by_table(), and nothing done with either. */
static bool by_two_reads(const struct hashdb *db, const uint8_t *digest)
{
	const uint8_t *buckets = (const uint8_t *)db->buckets;
	uint32_t x[2], at;

	memcpy(x, digest, sizeof(x));
	at = (uint32_t)((uint64_t)x[0] * db->n_buckets >> 32);
	x[1] += buckets[(size_t)at * LINE_BYTES];
	at = (uint32_t)((uint64_t)x[1] * db->n >> 32);
	return db->records[(size_t)at * db->record_bytes] != 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median over batches. The digests of a batch are made before its clock starts. */
static void look_up(const char *name, const struct hashdb *db, uint64_t from,
                    uint64_t range, bool (*fn)(const struct hashdb *, const uint8_t *))
{
	static double ns[N_BATCHES];
	uint8_t digests[BATCH][DIGEST_MAX_BYTES];
	uint64_t x = 1, n_found = 0;

	for (unsigned i = 0; i < N_BATCHES; i++) {
		nsec_t begin;

		for (unsigned k = 0; k < BATCH; k++) {
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
			make_digest(from + (x >> 20) % range, digests[k]);
		}
		begin = clock_now();
		for (unsigned k = 0; k < BATCH; k++)
			n_found += fn(db, digests[k]);
		ns[i] = (double)(clock_now() - begin) / BATCH;
	}
	qsort(ns, N_BATCHES, sizeof(*ns), by_value);
	printf("%s %.0f ns (p99 %.0f, found %.1f%%)\n", name, ns[N_BATCHES / 2],
	       ns[N_BATCHES * 99 / 100], 100.0 * (double)n_found / BATCH / N_BATCHES);
}

static void look_up_all(const struct hashdb *db, uint64_t n)
{
	/* Not in the list are all numbers from n on. Twice: the first touches the
	 * pages. */
	look_up("first-miss", db, n, n, by_table);
	look_up("first-hit", db, 0, n, by_table);
	look_up("miss", db, n, n, by_table);
	look_up("hit", db, 0, n, by_table);
	look_up("two-reads", db, 0, n, by_two_reads);
	look_up("bsearch-miss", db, n, n, by_bsearch);
	look_up("bsearch-hit", db, 0, n, by_bsearch);
}

int main(int argc, char **argv)
{
	_cleanup_(fd_closep) int fd =
		memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint64_t n = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	struct hashdb db;
	struct image im;
	int r;

	if (n < 8) {
		(void)fprintf(stderr, "usage: hashdb COMPILER LIST N (at least 8)\n");
		return 2;
	}
	r = engine_global_init();
	if (r == 0)
		r = write_list(argv[2], n);
	if (r == 0)
		r = build(argv[1], argv[2], fd);
	if (r == 0)
		r = load(fd, &im, &db);
	if (r < 0) {
		(void)fprintf(stderr, "hashdb: %s\n", strerrordesc_np(-r));
		return 1;
	}
	look_up_all(&db, n);
	image_unmap(&im);
	return 0;
}
