/* SPDX-License-Identifier: Apache-2.0 */
/* What every benchmark here shares: a private tmpfs, openers, percentiles */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "custos/types.h"

#define BENCH_FILE_BYTES  4096 /* the issue of record: 4 KiB files */
#define BENCH_NAME_BYTES  16
#define BENCH_OPENERS_MAX 64
#define BENCH_ROUNDS_MAX  101

/* What the openers of one run do. */
struct opener_plan {
	int dirfd;           /* directory of the files, borrowed */
	unsigned first;      /* number of the first file */
	unsigned n_files;    /* files used in turn; every opener starts elsewhere */
	unsigned n_opens;    /* measured opens of each opener */
	unsigned n_warmup;   /* opens before the clock starts */
	unsigned warm_base;  /* warm-up opens the files from here on ... */
	unsigned warm_files; /* ... this many, in turn (0 = those measured) */
	int cpu;             /* pin all openers here, -1 = leave to the kernel */
	nsec_t limit;        /* no opener starts another open after so long, in the warm-up
	                        as in the measured part (0 = no limit) */
};

/* One run, or the medians of several. */
struct opener_result {
	double p50_usec, p99_usec, p999_usec; /* of open+read+close */
	double p50_low, p50_high; /* of the rounds: where the scheduler puts two threads
	                             makes two worlds, a median alone hides that */
	double opens_per_sec;
	double cpu_usec; /* CPU of the openers for one open */
	unsigned n_errors;
	unsigned n_opens; /* measured, of all openers */
	unsigned n_total; /* with the warm-up */
};

/* Mount a tmpfs of @size ("512m") at @path. Return: its root, or a negative errno. */
int bench_mount(const char *path, const char *size);

/**
 * bench_tmpfs() - enter a private mount namespace with a tmpfs of our own
 * @size:      for instance "512m"
 * @ret_dirfd: set on success: the root of that tmpfs (at /mnt, seen by us alone)
 *
 * Context: before any thread exists. Needs CAP_SYS_ADMIN.
 * Return: 0 or a negative errno.
 */
int bench_tmpfs(const char *size, int *ret_dirfd);

/* "f0000123": the name of file number @i. */
void bench_name(char name[BENCH_NAME_BYTES], unsigned i);

/**
 * bench_files() - write @n files from number @first on, each of 4 KiB, all unlike
 *
 * Existing files are replaced by new inodes, so that nobody can remember them.
 * Return: 0 or a negative errno.
 */
int bench_files(int dirfd, unsigned first, unsigned n);

/**
 * bench_openers() - run @n_openers processes through @plan and measure them
 *
 * All start together; each process opens, reads 4 KiB and closes.
 * Context: forks; blocks until all are done (each is under an alarm).
 * Return: 0 or a negative errno; -EIO when an opener died.
 */
int bench_openers(const struct opener_plan *plan, unsigned n_openers,
                  struct opener_result *ret);

/* Median of each column over @n results (n >= 1); errors are summed. */
void bench_median(const struct opener_result *results, unsigned n,
                  struct opener_result *ret);

/* Process CPU time of @pid so far, in microseconds; 0 when it is gone. */
double bench_cpu_usec(int pid);

/* Processor, CPUs, kernel and date: what a figure is worth nothing without. */
void bench_machine(char *buf, size_t size);

/* Pin the calling thread to @cpu; -1 does nothing. */
void bench_pin(int cpu);
