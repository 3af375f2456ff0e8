/* SPDX-License-Identifier: Apache-2.0 */
/* The whole engine on a file of any bytes, with rules that reach libyara's parsers */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/engine.h"
#include "rules-of.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
	"import \"pe\" import \"elf\" import \"dotnet\" import \"macho\" import \"dex\" "
	"import \"hash\" import \"math\" "
	"rule modules { condition: pe.number_of_sections == 99 or elf.number_of_sections == 99 or "
	"dotnet.number_of_streams == 99 or macho.magic == 99 or dex.header.file_size == 99 or "
	"hash.md5(0, filesize) == \"x\" or math.entropy(0, filesize) > 9.0 } "
	"rule literals { strings: $a = \"needle\" $b = /ab+c[0-9]{2,5}/ $c = { 4D 5A ?? [2-8] 50 } "
	"condition: 2 of them } "
	"rule variables { condition: filetype == \"ELF\" and entrypoint == 7 and extension == \".x\" }";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct engine *e;
	struct engine_input in = {.path = "/a/b.x", .max_size_bytes = 1 << 20};
	struct finding f;

	if (!e && engine_new(rules_of(text, 3), 1 << 20, &e) < 0)
		abort();
	in.fd = memfd_create("file", MFD_CLOEXEC);
	if (write(in.fd, data, size) != (ssize_t)size)
		abort();
	in.deadline = clock_now() + 5 * NSEC_PER_SEC;
	engine_scan(e, &in, &f);
	if (f.verdict == VERDICT_UNKNOWN || (f.verdict == VERDICT_CLEAN && f.size_bytes != size))
		abort();
	if (memchr(f.match.rule, '\0', sizeof(f.match.rule)) == NULL)
		abort();
	(void)close(in.fd);
	return 0;
}
