/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of any text, taken in as an import does: refused with a reason, or compiled into what loads and scans */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Rules are for this one. */
static const char bytes[] = "MZ\0\0\x7f"
			    "ELF #!/bin/sh needle aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0123456789";

static void scan(struct ruleset *rs)
{
	struct engine_input in = {.path = "/a/b.x", .max_size_bytes = 1 << 16};
	struct engine *e;
	struct finding f;

	if (engine_new(rs, 1 << 16, &e) < 0)
		abort();
	in.fd = memfd_create("file", MFD_CLOEXEC);
	if (write(in.fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		abort();
	in.deadline = clock_now() + 5 * NSEC_PER_SEC;
	engine_scan(e, &in, &f);
	if (f.verdict == VERDICT_UNKNOWN)
		abort();
	(void)close(in.fd);
	(void)engine_free(e);
}

static void load(const struct rules_compiled *c)
{
	struct ruleset_counts counts = {.n_yara = rules_compiled_count(c)};
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct image_writer *w;
	struct ruleset *rs;

	if (image_writer_new(fd, rules_yara_version(), &w) < 0)
		abort();
	image_writer_section(w, IMAGE_YARA);
	if (rules_compiled_write(c, image_writer_add, w) < 0 ||
	    image_writer_finish(w, rules_compiled_uses(c), &counts) < 0 || image_seal(fd) < 0 ||
	    ruleset_load(fd, -1, &rs) < 0)
		abort(); /* what was compiled must load, or nobody knows why a reload fails */
	image_writer_free(w);
	(void)close(fd);
	scan(rs);
	(void)ruleset_free(rs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	char *text = malloc(size + 1);
	const struct rules_source s = {"fuzz.yar", text, size};
	struct rules_compiled *c = NULL;
	struct diag d = DIAG_NULL;
	int r;

	if (!text || (!ready && engine_global_init() < 0))
		abort();
	ready = true;
	memcpy(text, data, size);
	text[size] = '\0';
	r = rules_compile(&s, 1, &c, &d);
	if ((r == -EINVAL) != (d.n_total > 0) || (r < 0) != (c == NULL))
		abort();
	if (c)
		load(c);
	rules_compiled_free(c);
	diag_deinit(&d);
	free(text);
	return 0;
}
