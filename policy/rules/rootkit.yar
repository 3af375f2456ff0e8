/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: rootkits, by what they need to hide things.
 */

rule Custos_Rootkit_Preload_Library
{
	meta:
		description = "A library that stands in for the C library to hide files or connections"
		reference = "MITRE ATT&CK T1574.006, T1014"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$preload = "ld.so.preload"
		$next = "\x00dlsym\x00"
		$dir1 = "\x00readdir\x00"
		$dir2 = "\x00readdir64\x00"
		$stat1 = /\x00(__)?(lxstat|fxstat|xstat)(64)?\x00/
		$stat2 = /\x00(lstat|fstatat|stat)(64)?\x00/
		$net1 = "/proc/net/tcp"
		$net2 = "\x00pcap_loop\x00"
		$fd = /\/proc\/(self|%d|%i|%s|\*)\/(fd\/%d|cmdline|maps)/
		$auth1 = "\x00pam_authenticate\x00"
		$auth2 = "\x00pam_acct_mgmt\x00"
		$auth3 = "\x00getpwnam_r\x00"
		$unlink = "\x00unlinkat\x00"
		$kind = { 7F 45 4C 46 ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? 03 00 }
	condition:
		$kind at 0 and filesize < 2MB and $preload and $next and any of ($dir*) and any of ($stat*) and
		$unlink and (any of ($net*) or $fd) and (any of ($auth*) or $net1)
}

rule Custos_Rootkit_Preload_Script
{
	meta:
		description = "A shell script that has every program load a library, and guards the entry against change"
		reference = "MITRE ATT&CK T1574.006"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$entry = /(>|>>|tee)\s{0,4}(-a\s{1,4})?["']?\/etc\/ld\.so\.preload\b/
		$guard1 = /\bchattr\s{1,4}\+[iae]{1,3}\s[^\r\n]{0,60}ld\.so\.preload\b/
		$guard2 = /\bchattr\s{1,4}\+[iae]{1,3}\s[^\r\n]{0,80}\.so\b/
		$guard3 = /\btouch\s{1,4}(-[a-z]{1,3}\s{1,4}){0,3}-r\s{1,4}[^\r\n]{0,80}(ld\.so\.preload|\.so)\b/
	condition:
		uint16be(0) == 0x2321 and filesize < 256KB and $entry and any of ($guard*)
}

rule Custos_Rootkit_Kernel_Module
{
	meta:
		description = "A kernel module that changes how the kernel lists files, connections or processes"
		reference = "MITRE ATT&CK T1014, T1547.006"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$module = "vermagic="
		$hook1 = "kallsyms_lookup_name"
		$hook2 = "register_ftrace_function"
		$hook3 = "ftrace_set_filter_ip"
		$hook4 = "register_kprobe"
		$hook5 = "sys_call_table"
		$lists1 = /\x00(__x64_|__arm64_|__ia32_)?sys_getdents(64)?\x00/
		$lists2 = /\x00(tcp4|tcp6|udp4|udp6)_seq_show\x00/
		$lists3 = /\x00(__x64_|__arm64_|__ia32_)?sys_kill\x00/
		$lists4 = /\x00(filldir|filldir64|fillonedir|iterate_dir)\x00/
		$lists5 = /\x00(packet_rcv|tpacket_rcv)\x00/
		$gives1 = "\x00prepare_creds\x00"
		$gives2 = "\x00commit_creds\x00"
	condition:
		// a relocatable ELF file
		uint32be(0) == 0x7F454C46 and uint16(16) == 1 and $module and any of ($hook*) and
		(2 of ($lists*) or (any of ($lists*) and all of ($gives*)))
}

rule Custos_Rootkit_Kernel_Source
{
	meta:
		description = "Source of a kernel module that hides things: it may be built here, or be studied"
		reference = "MITRE ATT&CK T1014"
		date = "2026-11-27"
		severity = "medium"
		level = "log"
	strings:
		$module = /\bmodule_init\s{0,4}\(/
		$hides = /\b(list_del|list_del_init|list_del_rcu)\s{0,4}\(\s{0,4}&\s{0,4}(THIS_MODULE\s{0,4}->|__this_module\.)\s{0,4}list\s{0,4}\)/
		$hooks1 = "kallsyms_lookup_name"
		$hooks2 = "sys_call_table"
		$hooks3 = "ftrace_set_filter_ip"
		$hooks4 = "register_kprobe"
	condition:
		uint32be(0) != 0x7F454C46 and filesize < 1MB and $module and $hides and any of ($hooks*)
}
