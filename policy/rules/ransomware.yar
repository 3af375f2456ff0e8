/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: ransomware.
 */

rule Custos_Ransom_Machines
{
	meta:
		description = "A program that ends virtual machines and knows the names of their files"
		reference = "MITRE ATT&CK T1486, T1489"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$ends1 = "vm process kill"
		$ends2 = "vim-cmd vmsvc/power.off"
		$ends3 = "vim-cmd vmsvc/snapshot.removeall"
		$ends4 = /esxcli\s[^\x00\r\n]{0,120}--type=?\s?force/
		$file1 = ".vmdk"
		$file2 = ".vmem"
		$file3 = ".vswp"
		$file4 = ".vmsn"
		$file5 = ".nvram"
		$file6 = ".vmss"
		$hides1 = "encrypt" nocase
		$hides2 = "chacha" nocase
		$hides3 = "sosemanuk" nocase
		$hides4 = "ransom" nocase
		$hides5 = ".onion"
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 16MB and any of ($ends*) and 3 of ($file*) and any of ($hides*)
}

rule Custos_Ransom_Program
{
	meta:
		description = "A program that carries a ransom note"
		reference = "MITRE ATT&CK T1486"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$says1 = /\b(your|all)\s{1,2}(\w{1,12}\s{1,2}){0,3}(files|data|documents|servers?)\s{1,2}(\w{1,12}\s{1,2}){0,3}(encrypted|locked|stolen)\b/ nocase
		$says2 = /\b(do not|don't|dont)\s{1,2}(try\s{1,2}to\s{1,2})?(rename|modify|recover|decrypt|delete)\b[^\x00\r\n]{0,60}\b(files?|data)\b/ nocase
		$says3 = /\b(decrypt(ion|or)?)\s{1,2}(key|tool|software|program|price)\b/ nocase
		$says4 = /\b(tor browser|torproject\.org)\b/ nocase
		$pays1 = /\b[a-z2-7]{56}\.onion\b/
		$pays2 = /\b[a-z2-7]{16}\.onion\b/
		$pays3 = /\b(bitcoins?|btc|monero|xmr)\b[^\x00\r\n]{0,40}\b(wallet|address|pay|send|price)/ nocase
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 32MB and 3 of ($says*) and any of ($pays*)
}

rule Custos_Ransom_Note
{
	meta:
		description = "A ransom note: what has written it was here"
		reference = "MITRE ATT&CK T1486"
		date = "2026-11-27"
		severity = "high"
		level = "log"
	strings:
		$says1 = /\b(your|all)\s{1,2}(\w{1,12}\s{1,2}){0,3}(files|data|documents|servers?)\s{1,2}(\w{1,12}\s{1,2}){0,3}(encrypted|locked|stolen)\b/ nocase
		$says2 = /\b(do not|don't|dont)\s{1,2}(try\s{1,2}to\s{1,2})?(rename|modify|recover|decrypt|delete)\b[^\r\n]{0,60}\b(files?|data)\b/ nocase
		$says3 = /\b(decrypt(ion|or)?)\s{1,2}(key|tool|software|program|price)\b/ nocase
		$pays1 = /\b[a-z2-7]{56}\.onion\b/
		$pays2 = /\b(bitcoins?|btc|monero|xmr)\b[^\r\n]{0,40}\b(wallet|address|pay|send|price)/ nocase
		$pays3 = /\b(your|personal|unique)\s{1,2}id\b\s{0,4}[:=]/ nocase
	condition:
		filesize < 16KB and uint32be(0) != 0x7F454C46 and all of ($says*) and any of ($pays1, $pays2) and
		2 of ($pays*)
}

rule Custos_Ransom_Script
{
	meta:
		description = "A script that encrypts many files, removes what they were, and leaves a note"
		reference = "MITRE ATT&CK T1486"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$locks1 = /\bopenssl\s{1,4}(enc|aes-256-cbc|smime|rsautl|pkeyutl)\s[^\r\n]{0,160}/
		$locks2 = /\bgpg2?\s{1,4}[^\r\n]{0,80}(--symmetric|-c|--encrypt|-e)\b[^\r\n]{0,80}--passphrase/
		$locks3 = /\b7z[ar]?\s{1,4}a\s[^\r\n]{0,80}\s-p\S/
		$walks1 = /\bfind\s{1,4}["'$\/][^\r\n]{0,160}(-exec|-print0|\|\s{0,4}(while|xargs))/
		$walks2 = /\bfor\s{1,4}\w{1,16}\s{1,4}in\s{1,4}(\$\(|`)\s{0,4}find\b/
		$removes1 = /\bshred\s{1,4}-[a-z0-9]{0,6}u/
		$removes2 = /\brm\s{1,4}-[rf]{1,2}\s{1,4}["']?(\$|\{\})/
		$note1 = /\b(your|all)\s{1,2}(\w{1,12}\s{1,2}){0,3}(files|data|documents|servers?)\s{1,2}(\w{1,12}\s{1,2}){0,3}(encrypted|locked)\b/ nocase
		$note2 = /\b(bitcoins?|btc|monero|xmr)\b[^\r\n]{0,40}\b(wallet|address|pay|send|price|to)\b/ nocase
		$note3 = /\b[a-z2-7]{56}\.onion\b/
	condition:
		uint16be(0) == 0x2321 and filesize < 256KB and any of ($locks*) and any of ($walks*) and any of ($removes*) and
		any of ($note*)
}
