/*
 * SPDX-License-Identifier: Apache-2.0
 * For tests/rules/false-positives: every module that may be imported reads every file. No rule can match; what is asked
 * for is that no file is "engine error" because of a module.
 */
import "pe"
import "elf"
import "math"
import "hash"
import "dotnet"
import "dex"
import "macho"
import "time"

rule modules_programs
{
	condition:
		pe.number_of_sections == 12345678 or elf.number_of_sections == 12345678 or
		dotnet.number_of_streams == 12345678 or dex.number_of_fields == 12345678 or
		macho.nfat_arch == 12345678 or macho.ncmds == 12345678
}

rule modules_bytes
{
	condition:
		time.now() < 0 or hash.md5(0, 16) == "none such" or math.entropy(0, 4096) > 9.0
}
