/* SPDX-License-Identifier: Apache-2.0 */
/* Compile: runs custos-compile, which turns the configured rules into one sealed image */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "custos/conf.h"
#include "custos/digest.h"
#include "custos/ruleset.h"

struct compile;

struct compile_result {
	int image_fd; /* sealed memory, consumed by the callee; -1 on an error */
	int bulk_fd; /* likewise, the large lists, in an image that may be of an earlier time; -1: none */
	struct ruleset_counts counts;
	uint8_t key[DIGEST_MAX_BYTES]; /* of all the image is made of */
	char source[2 * DIGEST_MAX_BYTES + 1]; /* digest of the texts of its YARA rules */
	char bulk_source[2 * DIGEST_MAX_BYTES + 1]; /* of what its bulk was made of, or "-" */
	bool keep; /* it is new, and the key is surely its own: worth keeping */
};

/* @error: text of every error, or NULL. */
typedef void (*compile_fn)(void *userdata, const struct compile_result *result,
                           const char *error);

/* A rule file of a signed bundle. */
struct compile_input {
	char *expect;       /* "SHA256:PATH", owned by whoever made it */
	const char *option; /* "--yara", "--hashes" or "--allow-hashes" */
	const char *channel; /* whose set its rules belong to; borrowed */
};
#define COMPILE_EXPECT_PATH 65 /* where PATH begins */

/* What there is besides the configuration. */
struct compile_more {
	const struct compile_input *inputs;
	size_t n;
	int kept_fd; /* an image that was kept (borrowed): taken if it would come out again. -1: none */
	int reuse_fd;       /* the image in force (borrowed): its YARA rules are taken over if they would */
	const char *source; /* come out again, by what compile_fn told about it. -1: none */
	int bulk_fd;             /* the bulk in force (borrowed), for lists that it is the bulk of, or */
	const char *bulk_source; /* nearly; and what compile_fn told about it. -1: none */
	bool leave_out; /* what fails the self-test is left out: nothing else is in force */
	const char *canary; /* judge the host's own files with "rules" or "lists"; NULL: no */
};

/**
 * compile_start() - start compiling in a sandboxed child
 * @more:    NULL: nothing
 * @own_pid: where the child enters its pid; see spawn()
 * @done:    called once from the event loop, after which *ret is gone
 */
int compile_start(sd_event *event, const struct conf *conf, const struct compile_more *more,
                  uid_t uid, gid_t gid, _Atomic uint32_t *own_pid, compile_fn done,
                  void *userdata, struct compile **ret);
pid_t compile_pid(const struct compile *c); /* of the child */
struct compile *compile_free(struct compile *c); /* kills a child that still runs */
