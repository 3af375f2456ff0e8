/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: bots for small devices, and how they spread.
 */

rule Custos_Botnet_Hidden_Text
{
	meta:
		description = "A program that hides the name of busybox, as bots do that take over small devices"
		reference = "MITRE ATT&CK T1583.005, T1027.013"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$busybox = "/bin/busybox" xor(0x01-0xff)
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 4MB and $busybox
}

rule Custos_Botnet_Passwords
{
	meta:
		description = "A program with the passwords that small devices are sold with"
		reference = "MITRE ATT&CK T1110.001"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$p1 = "xc3511" fullword
		$p2 = "vizxv" fullword
		$p3 = "7ujMko0admin" fullword
		$p4 = "7ujMko0vizxv" fullword
		$p5 = "Zte521" fullword
		$p6 = "hi3518" fullword
		$p7 = "jvbzd" fullword
		$p8 = "klv1234" fullword
		$p9 = "xmhdipc" fullword
		$p10 = "juantech" fullword
		$p11 = "GM8182" fullword
		$p12 = "cat1029" fullword
		$p13 = "tlJwpbo6" fullword
		$p14 = "S2fGqNFs" fullword
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 8MB and 5 of them
}

rule Custos_Botnet_Floods
{
	meta:
		description = "A program for a small device that knows several ways to flood others"
		reference = "MITRE ATT&CK T1498"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$flood1 = /\b(attack_|send|flood_)?udp_?(flood|plain|raw|hex)\b/ nocase
		$flood2 = /\b(attack_|send|flood_)?(syn_?flood|tcp_?syn|tcp_?flood)\b/ nocase
		$flood3 = /\b(attack_|send|flood_)?(ack_?flood|tcp_?ack|xmas_?flood|tcp_?stomp)\b/ nocase
		$flood4 = /\b(attack_|send|flood_)?(http_?flood|std_?flood|std_?hex|stdhex)\b/ nocase
		$flood5 = /\b(attack_|send|flood_)?(vse_?flood|gre_?flood|dns_?flood|gre_?ip|ovh_?flood|ovhkill)\b/ nocase
		$device1 = "/bin/busybox"
		$device2 = "/dev/watchdog"
		$device3 = "/dev/misc/watchdog"
		$device4 = "/proc/net/route"
		$spreads1 = "/etc/dropbear"
		$spreads2 = /\bwget\s{1,4}http:\/\//
		$spreads3 = /\btftp\s{1,4}-/
		$spreads4 = "telnetd"
		$spreads5 = /chmod\s{1,4}(777|\+x)\s/
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 4MB and 3 of ($flood*) and any of ($device*) and any of ($spreads*)
}

rule Custos_Botnet_Loader_Script
{
	meta:
		description = "A shell script that fetches the same program for many kinds of processor and runs each"
		reference = "MITRE ATT&CK T1105, T1059.004"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$place = /\bcd\s{1,4}\/(tmp|var\/run|var\/tmp|dev\/shm)\s{0,4}(\|\||;|&&)\s{0,4}cd\s{1,4}\//
		$fetch1 = /\bwget\s{1,4}(-[a-zA-Z]{1,8}\s{1,4}\S{0,40}\s{0,4}){0,3}https?:\/\//
		$fetch2 = /\bcurl\s{1,4}(-[a-zA-Z]{1,8}\s{1,4}\S{0,40}\s{0,4}){0,3}https?:\/\//
		$fetch3 = /\btftp\s{1,4}-/
		$fetch4 = /\bftpget\s/
		$run = /\bchmod\s{1,4}(777|\+x|0?755)\s{1,4}[^\r\n]{1,80}(;|&&)\s{0,4}(sh\s{1,4})?\.\//
		$for1 = /[\/.\-_](mips|mipsel|mpsl)\b/
		$for2 = /[\/.\-_](arm|arm4|arm5|arm6|arm7|armv4l|armv5l|armv6l|armv7l)\b/
		$for3 = /[\/.\-_](sh4|superh)\b/
		$for4 = /[\/.\-_](ppc|powerpc|ppc440fp)\b/
		$for5 = /[\/.\-_](m68k|spc|sparc|arc)\b/
		$for6 = /[\/.\-_](x86|x86_64|i586|i686|i486)\b/
	condition:
		filesize < 64KB and uint32be(0) != 0x7F454C46 and $place and any of ($fetch*) and $run and 3 of ($for*)
}
