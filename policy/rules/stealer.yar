/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: programs that carry keys and passwords away.
 */

rule Custos_Stealer_Shell
{
	meta:
		description = "A shell script that gathers keys and passwords of several kinds and sends them away"
		reference = "MITRE ATT&CK T1552.001, T1552.005, T1041"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$key1 = ".aws/credentials"
		$key2 = /\.ssh\/(id_rsa|id_ed25519|id_\*)/
		$key3 = ".docker/config.json"
		$key4 = ".kube/config"
		$key5 = ".git-credentials"
		$key6 = ".netrc"
		$key7 = "169.254.169.254/latest/meta-data/iam"
		$key8 = "application_default_credentials.json"
		$key9 = ".bash_history"
		$key10 = "/etc/shadow"
		$key11 = "169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
		$key12 = ".azure/accessTokens.json"
		$sends1 = /\bcurl\s[^\r\n]{0,160}\s(-F|--form|-T|--upload-file|-d|--data|--data-binary|--data-urlencode)\s{0,4}["']?[\w@=$]/
		$sends2 = /\bwget\s[^\r\n]{0,160}--post-(file|data)/
		$sends3 = /\|\s{0,4}(nc|ncat|netcat)\s{1,4}[^\r\n|]{3,80}/
		$sends4 = />\s{0,4}\/dev\/tcp\//
	condition:
		uint16be(0) == 0x2321 and filesize < 256KB and 4 of ($key*) and any of ($sends*)
}

rule Custos_Stealer_Python
{
	meta:
		description = "Python that gathers passwords, cookies or wallets and sends them to a chat"
		reference = "MITRE ATT&CK T1555.003, T1567"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$from1 = "logins.json"
		$from2 = "key4.db"
		$from3 = /["']Login Data["']/
		$from4 = "wallet.dat"
		$from5 = /\.ssh["']?\s{0,4}[,\/]\s{0,4}["']?id_(rsa|ed25519)/
		$from6 = ".aws/credentials"
		$from7 = /["'](Local State|cookies\.sqlite)["']/
		$from8 = /leveldb["']?/
		$sends1 = /api\.telegram\.org\/bot/
		$sends2 = /\bdiscord(app)?\.com\/api\/webhooks\//
		$python = /\b(import|from)\s{1,4}(os|requests|sqlite3|shutil|json|urllib)\b/
	condition:
		filesize < 1MB and uint32be(0) != 0x7F454C46 and $python and 3 of ($from*) and any of ($sends*)
}

rule Custos_Stealer_Memory
{
	meta:
		description = "A script that looks for passwords in the memory of the programs one logs in with"
		reference = "MITRE ATT&CK T1003.007"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$memory1 = /\/proc\/[^\s"']{0,24}\/mem\b/
		$memory2 = /\bgcore\s{1,4}/
		$memory3 = /\/proc\/[^\s"']{0,24}\/maps\b/
		$who1 = "gnome-keyring-daemon"
		$who2 = "gdm-password"
		$who3 = "lightdm" fullword
		$who4 = /\bsshd:?\b/
		$who5 = "vsftpd" fullword
		$tries1 = "/etc/shadow"
		$tries2 = /\bcrypt\.crypt\s{0,4}\(/
		$tries3 = /\bstrings\s{1,4}[^\r\n]{1,80}\|\s{0,4}grep\b/
	condition:
		uint16be(0) == 0x2321 and filesize < 256KB and 2 of ($memory*) and 3 of ($who*) and any of ($tries*)
}

rule Custos_Stealer_Logins
{
	meta:
		description = "A program or script that follows the system calls of sshd or su to write down passwords"
		reference = "MITRE ATT&CK T1056.001, T1556"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$follows = /\bstrace\s{1,4}[^\r\n]{0,80}-p\s{0,4}["'$`]/
		$whom = /\b(pgrep|pidof|ps)\b[^\r\n]{0,60}\b(sshd|su|sudo|login)\b/
		$what = /\btrace=\s{0,2}["']?(read|write|read,write|write,read)\b/
		$where = /\s(-o|>|>>)\s{0,4}["']?\/(tmp|var\/tmp|dev\/shm|var\/log)\/[^\s"']{0,40}/
	condition:
		uint16be(0) == 0x2321 and filesize < 256KB and $follows and $whom and $what and $where
}
