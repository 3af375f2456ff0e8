/* SPDX-License-Identifier: Apache-2.0 */
/* A text of rules, compiled and loaded as the scanner gets it; for targets that run an engine */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/engine.h"
#include "custos/image.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"

/* @n: rules in it. Kept to the end of the process, which it ends if anything fails. */
static inline struct ruleset *rules_of(const char *text, uint64_t n)
{
	struct rules_source s = {"fuzz.yar", text, strlen(text)};
	struct ruleset_counts counts = {.n_yara = n};
	struct rules_compiled *c;
	struct image_writer *w;
	struct ruleset *rs;
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (engine_global_init() < 0 || rules_compile(&s, 1, &c, NULL) < 0 ||
	    image_writer_new(fd, rules_yara_version(), &w) < 0)
		abort();
	image_writer_section(w, IMAGE_YARA);
	if (rules_compiled_write(c, image_writer_add, w) < 0 ||
	    image_writer_finish(w, rules_compiled_uses(c), &counts) < 0 || image_seal(fd) < 0 ||
	    ruleset_load(fd, -1, &rs) < 0)
		abort();
	image_writer_free(w);
	rules_compiled_free(c);
	(void)close(fd);
	return rs;
}
