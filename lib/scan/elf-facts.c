/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF facts
 *
 * Owns: reading the headers of an ELF file, 32 or 64 bits, either byte order.
 * Must not own: what a rule makes of them.
 */
#include "custos/elf-facts.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "custos/types.h"

/* Programs have 15 at most. */
#define PROGRAM_HEADERS_MAX 64
/* Of a segment, for its entropy. */
#define SAMPLE_BYTES ((size_t)8 << 10)
/* In packed bytes none is more frequent than this many times the mean; code has zeros and some others far more often. No
 * logarithm says it better. */
#define FREQUENT 3

struct view {
	const uint8_t *buf;
	size_t len;
	bool is64, is_big;
	unsigned type, n_programs, n_sections, section_bytes;
	uint64_t programs, program_bytes, sections;
};

struct segment {
	uint32_t type, flags;
	uint64_t offset, file_bytes, memory_bytes;
};

static uint64_t number(const struct view *v, uint64_t at, unsigned n)
{
	uint64_t value = 0;

	if (at > v->len || n > v->len - at)
		return 0;
	for (unsigned i = 0; i < n; i++)
		value |= (uint64_t)v->buf[at + i] << 8 * (v->is_big ? n - 1 - i : i);
	return value;
}

/* A field at @at32 or @at64 that is as wide as an address. */
static uint64_t word(const struct view *v, uint64_t base, unsigned at32, unsigned at64)
{
	return v->is64 ? number(v, base + at64, 8) : number(v, base + at32, 4);
}

static bool open_view(const uint8_t *buf, size_t len, struct view *v)
{
	if (len < sizeof(Elf32_Ehdr) || memcmp(buf, ELFMAG, SELFMAG) != 0 ||
	    (buf[EI_CLASS] != ELFCLASS32 && buf[EI_CLASS] != ELFCLASS64) ||
	    (buf[EI_DATA] != ELFDATA2LSB && buf[EI_DATA] != ELFDATA2MSB))
		return false;
	*v = (struct view){
		.buf = buf,
		.len = len,
		.is64 = buf[EI_CLASS] == ELFCLASS64,
		.is_big = buf[EI_DATA] == ELFDATA2MSB,
	};
	if (v->is64 && len < sizeof(Elf64_Ehdr))
		return false;
	v->type = (unsigned)number(v, 16, 2);
	v->programs = word(v, 0, 28, 32);
	v->sections = word(v, 0, 32, 40);
	v->program_bytes = number(v, v->is64 ? 54 : 42, 2);
	v->n_programs = (unsigned)number(v, v->is64 ? 56 : 44, 2);
	v->section_bytes = (unsigned)number(v, v->is64 ? 58 : 46, 2);
	v->n_sections = (unsigned)number(v, v->is64 ? 60 : 48, 2);
	return true;
}

static struct segment segment_at(const struct view *v, unsigned i)
{
	const uint64_t at = v->programs + i * v->program_bytes;

	return (struct segment){
		.type = (uint32_t)number(v, at, 4),
		.flags = (uint32_t)number(v, at + (v->is64 ? 4 : 24), 4),
		.offset = word(v, at, 4, 8),
		.file_bytes = word(v, at, 16, 32),
		.memory_bytes = word(v, at, 20, 40),
	};
}

static unsigned n_segments(const struct view *v)
{
	/* number() answers 0 for what is behind the end, and for a table that wraps round */
	return v->programs && v->programs < v->len ? MIN(v->n_programs, (unsigned)PROGRAM_HEADERS_MAX) : 0;
}

static const char *type_name(unsigned type)
{
	static const char *const names[] = {
		[ET_REL] = "rel", [ET_EXEC] = "exec", [ET_DYN] = "dyn", [ET_CORE] = "core"};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "other";
}

static const char *machine_name(uint64_t machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{EM_X86_64, "x86-64"}, {EM_386, "x86"},     {EM_AARCH64, "arm64"}, {EM_ARM, "arm"},
		{EM_RISCV, "riscv"},   {EM_MIPS, "mips"},   {EM_PPC64, "ppc64"},   {EM_PPC, "ppc"},
		{EM_S390, "s390"},     {EM_SPARC, "sparc"}, {EM_SPARCV9, "sparc64"}, {EM_SH, "sh"},
		{EM_68K, "m68k"},      {EM_LOONGARCH, "loongarch"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "other";
}

static void take_interp(const struct view *v, const struct segment *s, struct elf_facts *ret)
{
	size_t n;

	if (s->offset >= v->len)
		return;
	n = (size_t)MIN(MIN(s->file_bytes, v->len - s->offset), (uint64_t)ELF_INTERP_BYTES - 1);
	memcpy(ret->interp, v->buf + s->offset, n);
	ret->interp[n] = '\0';
}

static void look_at_linking(const struct view *v, struct elf_facts *ret)
{
	const unsigned n = n_segments(v);

	if (n > 0)
		ret->linking = "static";
	for (unsigned i = 0; i < n; i++) {
		const struct segment s = segment_at(v, i);

		if (s.type == PT_INTERP && !*ret->interp)
			take_interp(v, &s, ret);
		if (s.type == PT_DYNAMIC)
			ret->linking = "dynamic";
	}
}

static bool has_sections(const struct view *v)
{
	/* more than 65279 of them are counted elsewhere */
	return v->sections && v->section_bytes && v->sections < v->len &&
	       (uint64_t)v->n_sections * v->section_bytes <= v->len - v->sections;
}

/* --- packers --- */

/* What the loader of UPX reads of the first block, which is the headers of the program that was packed. */
static bool is_block_info(const struct view *v, uint64_t at)
{
	const uint64_t head = v->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	const uint64_t row = v->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const uint64_t unpacked = number(v, at, 4), packed = number(v, at + 4, 4);
	const uint64_t method = number(v, at + 8, 1);

	return unpacked > head && unpacked <= head + PROGRAM_HEADERS_MAX * row && (unpacked - head) % row == 0 &&
	       packed > 0 && packed <= unpacked && at + 12 + packed <= v->len && method >= 2 && method <= 16 &&
	       number(v, at + 11, 1) == 0;
}

/* More in memory than in the file by far: there it is unpacked. */
static bool expands(const struct view *v)
{
	uint64_t in_file = 0, in_memory = 0;

	for (unsigned i = 0; i < n_segments(v); i++) {
		const struct segment s = segment_at(v, i);

		if (s.type == PT_INTERP || s.type == PT_DYNAMIC)
			return false;
		if (s.type != PT_LOAD)
			continue;
		in_file += MIN(s.file_bytes, (uint64_t)v->len);
		in_memory += MIN(s.memory_bytes, UINT64_MAX / PROGRAM_HEADERS_MAX);
	}
	return in_memory > in_file + in_file / 8;
}

static bool is_dense(const uint8_t *p, size_t len)
{
	uint32_t count[256] = {0}, most = 0;

	for (size_t i = 0; i < len; i++) {
		count[p[i]]++;
		most = MAX(most, count[p[i]]);
	}
	return len >= SAMPLE_BYTES / 2 && most <= FREQUENT * len / 256;
}

/* A segment that can be run and is nothing but noise, from a quarter of it on. */
static bool runs_noise(const struct view *v)
{
	for (unsigned i = 0; i < n_segments(v); i++) {
		const struct segment s = segment_at(v, i);
		uint64_t at;

		if (s.type != PT_LOAD || !(s.flags & PF_X) || s.offset >= v->len ||
		    s.file_bytes > v->len - s.offset)
			continue;
		at = s.offset + s.file_bytes / 4;
		if (is_dense(v->buf + at, (size_t)MIN(s.file_bytes / 2, (uint64_t)SAMPLE_BYTES)))
			return true;
	}
	return false;
}

static const char *packer_of(const struct view *v)
{
	const uint64_t info = v->programs + v->n_programs * v->program_bytes;

	if (n_segments(v) == 0 || info > v->len)
		return "";
	/* a checksum, the mark, sizes; what was packed; the first block */
	if (expands(v) && is_block_info(v, info + 24))
		return memcmp(v->buf + info + 4, "UPX!", 4) == 0 ? "upx" : "upx-altered";
	return !has_sections(v) && runs_noise(v) ? "other" : "";
}

void elf_facts_of(const void *buf, size_t len, struct elf_facts *ret)
{
	struct view v;

	ret->type = ret->machine = ret->linking = ret->sections = ret->packer = "";
	ret->interp[0] = '\0';
	if (!open_view(buf, len, &v))
		return;
	ret->type = type_name(v.type);
	ret->machine = machine_name(number(&v, 18, 2));
	ret->sections = has_sections(&v) ? "yes" : "no";
	look_at_linking(&v, ret);
	ret->packer = packer_of(&v);
}
