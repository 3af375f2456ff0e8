/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <string.h>

#include "custos/elf-facts.h"
#include "lib/scan/engine-vars.h"
#include "unit.h"

#define FILE_BYTES 32768

static uint8_t file[FILE_BYTES];
static bool is_big;
static struct elf_facts facts;

static void put(size_t at, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		file[at + i] = (uint8_t)(value >> 8 * (is_big ? n - 1 - i : i));
}

/* 64 bits, program headers behind the header; no sections. */
static void begin(unsigned type, unsigned n_programs)
{
	memset(file, 0, sizeof(file));
	memcpy(file, ELFMAG, SELFMAG);
	file[EI_CLASS] = ELFCLASS64;
	file[EI_DATA] = is_big ? ELFDATA2MSB : ELFDATA2LSB;
	put(16, type, 2);
	put(18, EM_X86_64, 2);
	put(32, sizeof(Elf64_Ehdr), 8);
	put(54, sizeof(Elf64_Phdr), 2);
	put(56, n_programs, 2);
}

static void segment(unsigned i, uint32_t type, uint32_t flags, uint64_t offset, uint64_t in_file,
                    uint64_t in_memory)
{
	const size_t at = sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr);

	put(at, type, 4);
	put(at + 4, flags, 4);
	put(at + 8, offset, 8);
	put(at + 32, in_file, 8);
	put(at + 40, in_memory, 8);
}

static void look(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1); /* a byte behind it is noticed */

	memcpy(copy, file, len);
	elf_facts_of(copy, len, &facts);
	free(copy);
}

static void check(const char *type, const char *linking, const char *sections, const char *packer,
                  const char *interp)
{
	ck_assert_str_eq(facts.type, type);
	ck_assert_str_eq(facts.linking, linking);
	ck_assert_str_eq(facts.sections, sections);
	ck_assert_str_eq(facts.packer, packer);
	ck_assert_str_eq(facts.interp, interp);
}

START_TEST(facts_of_no_program_are_empty)
{
	memset(file, 0, sizeof(file));
	look(sizeof(file));
	check("", "", "", "", "");
	ck_assert_str_eq(facts.machine, "");
	look(0);
	check("", "", "", "", "");
	begin(ET_EXEC, 0);
	file[EI_CLASS] = 3;
	look(sizeof(file));
	check("", "", "", "", "");
	begin(ET_EXEC, 0);
	look(sizeof(Elf64_Ehdr) - 1);
	check("", "", "", "", "");
	look(sizeof(Elf64_Ehdr));
	check("exec", "", "no", "", "");
}
END_TEST

START_TEST(facts_of_this_program)
{
	static uint8_t self[8 << 20];
	FILE *f = fopen("/proc/self/exe", "re");
	size_t n = f ? fread(self, 1, sizeof(self), f) : 0;

	ck_assert_uint_gt(n, 1000);
	(void)fclose(f);
	elf_facts_of(self, n, &facts);
	ck_assert_str_eq(facts.linking, "dynamic");
	ck_assert_str_eq(facts.packer, "");
	ck_assert(*facts.interp == '/' && *facts.machine);
	if (n < sizeof(self))
		ck_assert_str_eq(facts.sections, "yes");
	elf_facts_of(self, n / 2, &facts);
	ck_assert_str_eq(facts.sections, "no"); /* cut off */
}
END_TEST

START_TEST(facts_in_either_byte_order)
{
	for (unsigned i = 0; i < 2; i++) {
		is_big = i;
		begin(ET_DYN, 3);
		segment(0, PT_LOAD, PF_R | PF_X, 0, 4096, 4096);
		look(sizeof(file));
		check("dyn", "static", "no", "", "");
		segment(1, PT_DYNAMIC, PF_R, 1000, 100, 100);
		segment(2, PT_INTERP, PF_R, 2000, 12, 12);
		memcpy(file + 2000, "/lib/ld.so.1", 12);
		look(sizeof(file));
		check("dyn", "dynamic", "no", "", "/lib/ld.so.1");
		put(16, 9, 2);
		put(18, EM_AARCH64, 2);
		look(sizeof(file));
		ck_assert_str_eq(facts.type, "other");
		ck_assert_str_eq(facts.machine, "arm64");
		put(18, 0x7777, 2);
		look(sizeof(file));
		ck_assert_str_eq(facts.machine, "other");
	}
	is_big = false;
}
END_TEST

START_TEST(facts_at_their_limits)
{
	begin(ET_EXEC, 65); /* no more than 64 segments are looked at */
	segment(63, PT_DYNAMIC, PF_R, 0, 0, 0);
	look(sizeof(file));
	check("exec", "dynamic", "no", "", "");
	segment(63, 0, 0, 0, 0, 0);
	segment(64, PT_DYNAMIC, PF_R, 0, 0, 0);
	look(sizeof(file));
	check("exec", "static", "no", "", "");

	begin(ET_EXEC, 1);
	for (unsigned n = ELF_INTERP_BYTES - 1; n <= ELF_INTERP_BYTES; n++) {
		segment(0, PT_INTERP, PF_R, 3000, n, n);
		memset(file + 3000, 'a', n);
		look(sizeof(file));
		ck_assert_uint_eq(strlen(facts.interp), ELF_INTERP_BYTES - 1);
	}
	segment(0, PT_INTERP, PF_R, sizeof(file) - 4, 100, 100);
	memset(file + sizeof(file) - 4, 'b', 4);
	look(sizeof(file));
	ck_assert_str_eq(facts.interp, "bbbb"); /* as much as there is */
	segment(0, PT_INTERP, PF_R, UINT64_MAX - 2, 100, 100);
	look(sizeof(file));
	ck_assert_str_eq(facts.interp, "");

	put(40, sizeof(file) - 2 * 64, 8); /* a table that ends with the file */
	put(58, 64, 2);
	put(60, 2, 2);
	look(sizeof(file));
	ck_assert_str_eq(facts.sections, "yes");
	look(sizeof(file) - 1);
	ck_assert_str_eq(facts.sections, "no");
	put(40, UINT64_MAX, 8);
	look(sizeof(file));
	ck_assert_str_eq(facts.sections, "no");
	put(32, UINT64_MAX - 10, 8);
	look(sizeof(file));
	check("exec", "", "no", "", "");
}
END_TEST

/* What UPX leaves behind the program headers. */
static void pack(const char *mark)
{
	const size_t at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);

	begin(ET_EXEC, 2);
	segment(0, PT_LOAD, PF_R | PF_X, 0, 30000, 30000);
	segment(1, PT_LOAD, PF_R | PF_W, 0, 0, 4001);
	memcpy(file + at + 4, mark, 4);
	put(at + 24, sizeof(Elf64_Ehdr) + 9 * sizeof(Elf64_Phdr), 4);
	put(at + 28, 200, 4);
	file[at + 32] = 2;
}

static void check_packer(const char *packer)
{
	look(sizeof(file));
	ck_assert_str_eq(facts.packer, packer);
}

START_TEST(facts_of_packed_programs)
{
	const size_t at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);

	pack("UP" "X!");
	check_packer("upx");
	pack("\0\0\0\0");
	check_packer("upx-altered");
	segment(1, PT_LOAD, PF_R | PF_W, 0, 0, 3750); /* an eighth: not more in memory than programs have */
	check_packer("");
	pack("abcd");
	put(at + 24, sizeof(Elf64_Ehdr) + 64 * sizeof(Elf64_Phdr), 4);
	check_packer("upx-altered");
	put(at + 24, sizeof(Elf64_Ehdr) + 65 * sizeof(Elf64_Phdr), 4);
	check_packer("");
	put(at + 24, 200, 4);
	check_packer(""); /* no multiple of a program header */
	pack("abcd");
	put(at + 28, sizeof(Elf64_Ehdr) + 9 * sizeof(Elf64_Phdr), 4);
	check_packer("upx-altered");
	put(at + 28, sizeof(Elf64_Ehdr) + 9 * sizeof(Elf64_Phdr) + 1, 4);
	check_packer("");
	pack("abcd");
	file[at + 32] = 16;
	check_packer("upx-altered");
	file[at + 32] = 17;
	check_packer("");
	pack("abcd");
	file[at + 35] = 1;
	check_packer("");
	for (size_t len = 0; len < 400; len++)
		look(len);
}
END_TEST

START_TEST(facts_of_noise_that_runs)
{
	uint32_t x = 7;

	begin(ET_EXEC, 1);
	segment(0, PT_LOAD, PF_R | PF_X, 0, 30000, 30000);
	check_packer("");
	for (size_t i = 4096; i < 30000; i++) {
		x = x * 1103515245 + 12345;
		file[i] = (uint8_t)(x >> 16);
	}
	check_packer("other");
	segment(0, PT_LOAD, PF_R, 0, 30000, 30000); /* data */
	check_packer("");
	segment(0, PT_LOAD, PF_R | PF_X, 0, 30000, 30000);
	put(40, 30100, 8); /* a table of sections */
	put(58, 64, 2);
	put(60, 2, 2);
	check_packer("");
	segment(0, PT_LOAD, PF_R | PF_X, 4096, 8190, 8190); /* too little of it */
	put(40, 0, 8);
	check_packer("");
	segment(0, PT_LOAD, PF_R | PF_X, 4096, 8192, 8192);
	check_packer("other");
}
END_TEST

/* Of 4096 bytes one value may be there 48 times. */
START_TEST(facts_of_noise_with_a_frequent_byte)
{
	const unsigned sample = 4096 + 2048;

	for (unsigned n = 48; n <= 49; n++) {
		begin(ET_EXEC, 1);
		segment(0, PT_LOAD, PF_R | PF_X, 4096, 8192, 8192);
		for (unsigned i = 0; i < 4096; i++)
			file[sample + i] = (uint8_t)(i < n ? 255 : i % 255);
		check_packer(n == 48 ? "other" : "");
	}
}
END_TEST

static void check_interpreter(const char *text, const char *expected)
{
	static struct engine_vars v;
	const size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	engine_vars_set(&v, "/x", 0, copy, len);
	ck_assert_str_eq(v.values[RULES_SCRIPT_INTERPRETER], expected);
	ck_assert_str_eq(v.values[RULES_ELF_TYPE], "");
	free(copy);
}

START_TEST(interpreter_is_that_of_the_first_line)
{
	char line[400];

	check_interpreter("", "");
	check_interpreter("#!", "");
	check_interpreter("#!\n/bin/sh", "");
	check_interpreter("# /bin/sh\n", "");
	check_interpreter("#!/bin/sh", "sh");
	check_interpreter("#! \t/bin/bash -e\nx", "bash");
	check_interpreter("#!/bin/sh\r\n", "sh");
	check_interpreter("#!perl\n", "perl");
	check_interpreter("#!/usr/bin/env python3\n", "python3");
	check_interpreter("#!/usr/bin/env -S -i A=b /opt/php8/php -n\n", "php");
	check_interpreter("#!/usr/bin/env\n", "env");
	check_interpreter("#!/usr/bin/env -S\n", "env");
	check_interpreter("#!/bin/\n", "");
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "#!/bin/", 7);
	line[70] = '\n';
	check_interpreter(line, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"); /* 63 of 63 */
	line[70] = 'a';
	check_interpreter(line, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"); /* cut */
	memset(line + 2, ' ', 300);
	memcpy(line + 253, "ab\n", 3); /* Linux reads 255 bytes of the line */
	check_interpreter(line, "ab");
	memcpy(line + 253, " cd\n", 4);
	check_interpreter(line, "c");
}
END_TEST

UNIT_MAIN("elf-facts", facts_of_no_program_are_empty, facts_of_this_program, facts_in_either_byte_order,
          facts_at_their_limits, facts_of_packed_programs, facts_of_noise_that_runs, facts_of_noise_with_a_frequent_byte,
          interpreter_is_that_of_the_first_line)
