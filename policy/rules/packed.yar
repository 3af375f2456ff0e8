/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: programs that hide what they are. Level log where honest programs do it, too.
 */

rule Custos_Packed_UPX
{
	meta:
		description = "An ELF program packed with UPX: smaller, and hidden from rules"
		reference = "MITRE ATT&CK T1027.002"
		date = "2026-11-27"
		severity = "low"
		level = "log"
	strings:
		$mark = "UPX!"
	condition:
		uint32be(0) == 0x7F454C46 and filesize > 512 and
		(elf_packer == "upx" or ($mark in (0..512) and $mark in (filesize - 512..filesize)))
}

rule Custos_Packed_UPX_Disguised
{
	meta:
		description = "An ELF program packed with UPX whose marks were altered so that it cannot be unpacked"
		reference = "MITRE ATT&CK T1027.002"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$mark = "UPX!"
		// its own words, in the loader it puts in front
		$loader1 = "PROT_EXEC|PROT_WRITE failed."
		$loader2 = "$Id: UPX "
		$loader3 = "This file is packed with the UPX executable packer"
	condition:
		uint32be(0) == 0x7F454C46 and filesize > 512 and
		// by its structure, which the loader needs; or its words, without sections, as UPX leaves it: UPX itself
		// has the same words
		(elf_packer == "upx-altered" or
		(any of ($loader*) and not $mark in (0..512) and
		((uint8(4) == 2 and uint16(60) == 0) or (uint8(4) == 1 and uint16(48) == 0))))
}

rule Custos_Packed_Script_Program
{
	meta:
		description = "A shell script that carries an ELF program in base64, and runs it"
		reference = "MITRE ATT&CK T1027.009, T1140"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		// ELF, 32 or 64 bits, little endian
		$program = /\bf0VMRg(EBAQ|IBAQ)[A-Za-z0-9+\/]{32}/
		$decodes = /\b(base64\s{1,4}(-d|-D|--decode)|openssl\s{1,4}(enc\s{1,4})?(-base64|base64)\s{1,4}-d)\b/
		$runs1 = /\bchmod\s{1,4}(\+x|[0-7]{3,4}|[ugoa]\+[rwx]{1,3})\s/
		$runs2 = /\/proc\/(self|\$\$|\$\{?\w{1,16}\}?)\/fd\//
	condition:
		uint16be(0) == 0x2321 and $program and $decodes and any of ($runs*)
}

rule Custos_Packed_Memory_Loader
{
	meta:
		description = "A script that puts a program into memory alone and runs it from there"
		reference = "MITRE ATT&CK T1620"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		// memfd_create on x86-64, x86 and arm64
		$perl = /\bsyscall\s{0,4}\(\s{0,4}(319|356|279)\s{0,4},/
		$python = /\b(memfd_create\s{0,4}\(|syscall\s{0,4}\(\s{0,4}(319|356|279)\s{0,4},)/
		$fetched = /\b(urlopen|urllib|requests\.get|b64decode|decode_base64|MIME::Base64|IO::Socket|socket\.socket|LWP::|HTTP::Tiny)\b/
		$runs1 = /\bexec\w{0,4}\s{0,4}[({"'\s][^\r\n]{0,40}\/proc\/(self|\$\$|\{\}|%d|\$\{?\w{0,16}\}?)\/fd\//
		$runs2 = /\b(os\.exec\w{1,3}|os\.fexecve|subprocess\.\w{3,12})\s{0,4}\([^\r\n]{0,60}\/proc\/(self|%d|\{\w{0,8}\})\/fd\//
	condition:
		uint32be(0) != 0x7F454C46 and filesize < 1MB and ($perl or $python) and $fetched and any of ($runs*)
}
