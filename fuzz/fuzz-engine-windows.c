/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at the border of two windows: the verdict is that of the whole file, or says that it is not */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/engine.h"
#include "rules-of.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
	"import \"elf\" "
	"rule modules { condition: elf.type == elf.ET_DYN and entrypoint == 7 } "
	"rule literals { strings: $a = \"needle\" $b = /ab+c[0-9]{2,5}/ $c = { 4D 5A ?? [2-8] 50 } condition: 2 of them } "
	"rule places { strings: $a = \"word\" fullword wide ascii $b = /^ab+c$/ $c = { 01 02 [0-300] 03 04 } "
	"$d = /x+y/ condition: #a == 2 or ($b and not $c) or #d == 3 or #c == 2 } "
	"rule numbers { strings: $a = \"data\" condition: uint16(0) == 0x4142 and @a[1] == 264192 and !a[1] == 4 }";

/* Windows of a quarter of a MiB: the least there is. */
#define BORDER     (((512 << 10) + 4096) / 2)
#define LARGE      (BORDER + (300 << 10))
#define WHOLE_MAX  (1 << 20)

struct engines {
	struct engine *whole, *windows;
};

static struct engines start(void)
{
	struct ruleset *rs = rules_of(text, 4);
	struct engines e;

	if (engine_new(rs, WHOLE_MAX, &e.whole) < 0 || engine_new(rs, 512 << 10, &e.windows) < 0)
		abort();
	return e;
}

static struct finding scan(struct engine *e, int fd)
{
	const struct engine_input in = {
		.fd = fd,
		.path = "/a/b.x",
		.max_size_bytes = WHOLE_MAX,
		.deadline = clock_now() + 5 * NSEC_PER_SEC,
	};
	struct finding f;

	engine_scan(e, &in, &f);
	return f;
}

/* Half of it before the border, and all of it once more where the second window begins. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct engines e;
	static int fd = -1;
	const off_t at[] = {BORDER - (off_t)size / 2, BORDER - (64 << 10) - (off_t)size / 3};
	struct finding f, whole;

	if (size > 16 << 10)
		return 0;
	if (!e.whole) {
		e = start();
		fd = memfd_create("large", MFD_CLOEXEC);
	}
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, LARGE) < 0 || pwrite(fd, data, size, at[0]) < 0 ||
	    pwrite(fd, data, size, at[1]) < 0)
		abort();
	f = scan(e.windows, fd);
	whole = scan(e.whole, fd);
	if (!f.windows || whole.windows || f.size_bytes != whole.size_bytes)
		abort();
	if (f.partial || whole.verdict == VERDICT_ERROR)
		return 0;
	if (f.verdict != whole.verdict || strcmp(f.match.rule, whole.match.rule) != 0)
		abort();
	return 0;
}
