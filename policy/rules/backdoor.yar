/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: backdoors in the ways one logs in, SSH and PAM.
 */

rule Custos_Backdoor_PAM_Module
{
	meta:
		description = "A PAM module that writes down user names with passwords"
		reference = "MITRE ATT&CK T1556.003"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$module = "pam_sm_authenticate"
		$gets1 = "pam_get_authtok"
		$gets2 = "pam_get_item"
		$gets3 = "pam_get_user"
		$note = /\x00[^\x00\r\n]{0,32}(user|usr|login|username|name)[ \t]{0,2}[=:][ \t]{0,2}%s[ \t,;:|\/-]{1,4}(pass|passwd|password|pwd|pw)[ \t]{0,2}[=:][ \t]{0,2}%s/ nocase
		$pair = /\x00(%s[:|]%s|%s - %s|%s:%s:%s)\n?\x00/
		$place = /\x00\/(tmp|var\/tmp|dev\/shm|var\/log|var\/lib|usr\/lib|usr\/share|usr\/include|etc)\/[\w\/.-]{0,40}\/?\.[a-z0-9][\w.-]{1,24}\x00/
		$writes = /\x00(fopen|fopen64|open|open64|sendto|send|fprintf)\x00/
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 2MB and $module and any of ($gets*) and $writes and
		($note or ($pair and $place))
}

rule Custos_Backdoor_PAM_Configuration
{
	meta:
		description = "Configuration of PAM that hands passwords to a program in a place for temporary or hidden files"
		reference = "MITRE ATT&CK T1556.003"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$way = /(^|\n)\s{0,4}-?(auth|password)\s{1,8}\[?[\w= ]{4,60}\]?\s{1,8}pam_exec\.so\s[^\r\n]{0,60}\bexpose_authtok\b[^\r\n]{0,60}\s\/((tmp|var\/tmp|dev\/shm|run\/shm)\/|[\w\/-]{1,60}\/\.[a-z0-9])/
	condition:
		filesize < 64KB and $way
}

rule Custos_Backdoor_SSH_Program
{
	meta:
		description = "A program of OpenSSH that writes down user names with passwords, in a hidden file"
		reference = "MITRE ATT&CK T1554, T1556"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$ssh1 = "OpenSSH_"
		$ssh2 = "SSH-2.0-"
		$ssh3 = "authorized_keys"
		$ssh4 = "known_hosts"
		$note = /\x00[^\x00\r\n]{0,32}(user|usr|login|username|host|ip)[ \t]{0,2}[=:>-]{0,2}[ \t]{0,2}%s[^\x00\r\n]{0,24}(pass|passwd|password|pwd|pw)[ \t]{0,2}[=:>-]{1,2}[ \t]{0,2}%s/ nocase
		$pair = /\x00(\+|%s )?(user|%s)[:@]%s[:| ]%s\n?\x00/
		$place = /\x00\/(tmp|var\/tmp|dev\/shm|dev|var\/log|var\/lib|var\/run|usr\/lib|usr\/share|usr\/include|usr\/local|etc)(\/[\w-]{1,24}){0,3}\/\.[a-z0-9][\w.-]{1,24}\x00/
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 16MB and 2 of ($ssh*) and $place and ($note or $pair)
}

rule Custos_Backdoor_SSH_Keys_Script
{
	meta:
		description = "A shell script that adds a key for SSH and guards it against removal"
		reference = "MITRE ATT&CK T1098.004"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$key = /\bssh-(rsa|ed25519|dss)\s{1,4}AAAA[A-Za-z0-9+\/]{32}/
		$adds = /(>|>>|tee)\s{0,4}(-a\s{1,4})?["']?[^\s]{0,60}\.ssh\/authorized_keys/
		$guards1 = /\bchattr\s{1,4}\+[iae]{1,3}\s[^\r\n]{0,80}authorized_keys/
		$guards2 = /\btouch\s{1,4}(-[a-z]{1,3}\s{1,4}){0,3}-r\s{1,4}[^\r\n]{0,80}authorized_keys/
		$guards3 = /\bsed\s[^\r\n]{0,80}PermitRootLogin\s{1,4}yes/
	condition:
		uint16be(0) == 0x2321 and filesize < 256KB and $key and $adds and any of ($guards*)
}
