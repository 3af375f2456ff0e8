/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: what it is asked for, every input opened */
#pragma once

#include <stdbool.h>

#include "bulk.h"
#include "canary.h"
#include "corpus.h"
#include "custos/rules-compile.h"
#include "inputs.h"
#include "reuse.h"

#define OPTIONS_USAGE 2 /* exit status */

struct request {
	long out_fd, uid, gid, kept_fd; /* -1: not given */
	bool tell_key;
	struct inputs inputs;
	struct canary canary;
	struct corpus corpus; /* for the self-test */
	struct rules_trial trial;
	struct reuse reuse;
	struct bulk bulk;
	struct diag diag;
};

/* Return: 0, OPTIONS_USAGE, or a negative errno. What is wrong with an input is in req->diag. */
int options_parse(struct request *req, int argc, char **argv);
/* How it is called, to standard error. Return: OPTIONS_USAGE. */
int options_usage(void);
