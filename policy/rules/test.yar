/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: the test file that every scanner answers to.
 * Also built into the engine; here for those who scan with these rules alone.
 */

rule Custos_Test_EICAR
{
	meta:
		description = "EICAR test file: harmless, and called malicious by agreement"
		reference = "https://www.eicar.org/download-anti-malware-testfile/"
		date = "2026-11-27"
		severity = "low"
		level = "deny"
	strings:
		// In hex, and only its middle: this file must not be taken for one.
		$middle = { 45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53 54 2D 46 49 4C 45 }
	condition:
		filesize >= 68 and filesize <= 128 and uint32be(0) == 0x58354F21 and uint16be(4) == 0x5025 and
		$middle at 28
}
