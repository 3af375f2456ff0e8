/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: shells that call back to, or wait for, somebody on the network.
 */

rule Custos_Shell_Dev_TCP
{
	meta:
		description = "A shell script that gives a shell to the far end of a connection made by bash"
		reference = "MITRE ATT&CK T1059.004"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$shell = /\b(ba|z|k|da)?sh\s{1,4}-[il]{1,3}\s{0,4}([0-9&]?>&?|<>|<)\s{0,4}\/dev\/(tcp|udp)\/[\w.${}-]{1,64}\/[\w${}]{1,16}/
		$opens = /\bexec\s{1,4}[0-9]{1,3}\s{0,2}<>\s{0,4}["']?\/dev\/(tcp|udp)\/[\w.${}-]{1,64}\/[\w${}]{1,16}/
		$loop = /\bwhile\s{1,4}(IFS=\s{1,4})?read\s{1,4}(-r\s{1,4})?\w{1,16}[^\r\n]{0,12}\s{0,4};?\s{0,4}do\s{1,8}(eval\s{1,4})?["']?\$\{?\w{1,16}\}?["']?\s{1,4}2?>&/
		$joined = /\b(ba|z|k|da)?sh\s{1,4}(-i\s{1,4})?<&\s?[0-9]{1,3}\s{1,4}>&\s?[0-9]{1,3}/
	condition:
		(uint16be(0) == 0x2321 or filesize < 1KB) and ($shell or ($opens and ($loop or $joined)))
}

rule Custos_Shell_Pipe
{
	meta:
		description = "A shell script that ties a shell to a network program through a named pipe"
		reference = "MITRE ATT&CK T1059.004, T1095"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$pipe = /\b(mkfifo|mknod)\s{1,4}["']?[\/$][^\s;&|]{2,40}/
		$tied = /\|\s{0,4}(\/(usr\/)?bin\/)?(ba|z|k|da)?sh\s{1,4}-i\s{0,4}(2>&1)?\s{0,4}\|&?\s{0,4}(\/(usr\/)?bin\/)?(nc|ncat|netcat|nc\.traditional|nc\.openbsd|telnet|socat|openssl\s{1,4}s_client)\b/
	condition:
		(uint16be(0) == 0x2321 or filesize < 1KB) and $pipe and $tied
}

rule Custos_Shell_Netcat
{
	meta:
		description = "A short shell script that has a network program run a shell"
		reference = "MITRE ATT&CK T1059.004, T1095"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$nc = /\b(nc|ncat|netcat|nc\.traditional)\s{1,4}(-[a-zA-Z0-9]{1,8}\s{1,4}|[\w.$:{}-]{1,64}\s{1,4}){0,5}(-[a-z]{0,4}e|--exec|-c|--sh-exec)\s{1,4}["']?(\/(usr\/)?bin\/)?(ba|z|k|da)?sh\b/
		$socat = /\bsocat\s[^\r\n]{0,120}\b(exec|system|EXEC|SYSTEM):["']?(\/(usr\/)?bin\/)?(ba|z|k|da)?sh\b[^\r\n]{0,80}(pty|stderr|setsid)/
	condition:
		uint16be(0) == 0x2321 and filesize < 8KB and ($nc or $socat)
}

rule Custos_Shell_Python
{
	meta:
		description = "Python that ties its standard files to a connection and starts a shell"
		reference = "MITRE ATT&CK T1059.006"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$socket = /\bsocket\.socket\s{0,4}\(|\bsocket\s{0,4}\(\s{0,4}(socket\.)?AF_INET/
		$connects = /\.(connect|accept)\s{0,4}\(/
		$ties = /\bdup2\s{0,4}\(\s{0,4}\w{1,24}\.fileno\s{0,4}\(\s{0,4}\)\s{0,4},\s{0,4}(0|fd|f|i|x|fileno)\s{0,4}\)/
		$shell1 = /\bpty\.spawn\s{0,4}\(\s{0,4}\[?\s{0,4}["'](\/(usr\/)?bin\/)?(ba|z|k|da)?sh["']/
		$shell2 = /\b(subprocess\.(call|run|Popen|check_call)|os\.(system|execl|execv|execve|execlp|popen))\s{0,4}\(\s{0,4}\[?\s{0,4}["'](\/(usr\/)?bin\/)?(ba|z|k|da)?sh\b/
	condition:
		uint32be(0) != 0x7F454C46 and filesize < 256KB and $socket and $connects and $ties and any of ($shell*)
}

rule Custos_Shell_Perl
{
	meta:
		description = "Perl that ties its standard files to a connection and starts a shell"
		reference = "MITRE ATT&CK T1059"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$socket1 = /\bsocket\s{0,4}\(\s{0,4}\w{1,16}\s{0,4},\s{0,4}(PF|AF)_INET/
		$socket2 = "IO::Socket::INET"
		$ties = /\bopen\s{0,4}\(?\s{0,4}STDIN\s{0,4},\s{0,4}["'][+<>]{1,2}&/
		$fdopen = /\bSTDIN\s{0,4}->\s{0,4}fdopen\s{0,4}\(\s{0,4}\$\w{1,16}\s{0,4},\s{0,4}["']?[r<]/
		$shell = /\b(exec|system)\s{0,4}[({"'\s]{1,4}\s{0,4}["']?\/(usr\/)?bin\/(ba|z|k|da)?sh\b|\$~->fdopen\b|\bsystem\s{0,4}\$_\s{0,4}while\s{0,4}<>/
	condition:
		uint32be(0) != 0x7F454C46 and filesize < 256KB and any of ($socket*) and ($ties or $fdopen) and $shell
}

rule Custos_Shell_PHP
{
	meta:
		description = "PHP that gives a shell to the far end of a connection it makes"
		reference = "MITRE ATT&CK T1505.003, T1059.004"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open = "<?php" nocase
		$connects = /\b(fsockopen|pfsockopen|stream_socket_client|socket_connect)\s{0,4}\(/ nocase
		$tied = /\b(exec|system|shell_exec|passthru|popen)\s{0,4}\(\s{0,4}["'`](\/(usr\/)?bin\/)?(ba|z|k|da)?sh\s{1,4}(-i\s{1,4})?<&\s?[0-9]\s{1,4}>&\s?[0-9]/ nocase
		$spawns = /\bproc_open\s{0,4}\(/ nocase
		$shell = /["'](uname -a;[^"'\r\n]{0,60})?(\/(usr\/)?bin\/)?(ba|z|k|da)?sh\s{1,4}-i["'\s]/
	condition:
		filesize < 256KB and $open and $connects and ($tied or ($spawns and $shell))
}

rule Custos_Shell_Node
{
	meta:
		description = "JavaScript that joins a shell and a connection, both ways"
		reference = "MITRE ATT&CK T1059.007"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$spawns = /\b(spawn|execFile|exec)\s{0,4}\(\s{0,4}["'](\/(usr\/)?bin\/)?(ba|z|k|da)?sh["']/
		$connects = /\.(connect|createConnection)\s{0,4}\(\s{0,4}[\w"'{$]/
		$in = /\.pipe\s{0,4}\(\s{0,4}\w{1,24}\.stdin\s{0,4}\)/
		$out = /\.stdout\s{0,4}\.pipe\s{0,4}\(\s{0,4}(\w{1,24}|this)\s{0,4}\)/
		$net = /\brequire\s{0,4}\(\s{0,4}["']net["']\s{0,4}\)|\bfrom\s{1,4}["'](node:)?net["']/
	condition:
		filesize < 256KB and $spawns and $connects and $in and $out and $net
}

rule Custos_Shell_Ruby
{
	meta:
		description = "Ruby that gives a shell to the far end of a connection it makes"
		reference = "MITRE ATT&CK T1059"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$connects = /\bTCPSocket\.(open|new)\s{0,4}\(?\s{0,4}["'\w]/
		$tied = /\bexec\s{0,4}\(?\s{0,4}(sprintf\s{0,4}\(\s{0,4})?["'](\/(usr\/)?bin\/)?(ba|z|k|da)?sh\s{1,4}-i\s{1,4}<&\s?(%d|[0-9]|#\{)/
		$loop = /\bIO\.popen\s{0,4}\(?\s{0,4}\w{1,16}\s{0,4},\s{0,4}["']r["']\s{0,4}\)?\s{0,4}(\{|do)\s{0,4}\|\w{1,8}\|\s{0,4}\w{1,8}\.(print|puts|write)\b/
	condition:
		uint32be(0) != 0x7F454C46 and filesize < 256KB and $connects and ($tied or $loop)
}

rule Custos_Shell_ELF_Syscalls
{
	meta:
		description = "A tiny x86 program that makes a socket, ties standard files to it and runs a shell, by bare system calls"
		reference = "MITRE ATT&CK T1059.004, T1027.009"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		// push N; pop rax, with what may lie between it and the syscall
		$socket64 = { 6A 29 58 [0-16] 0F 05 }
		$connect64 = { 6A 2A 58 [0-16] 0F 05 }
		$bind64 = { 6A 31 58 [0-16] 0F 05 }
		$dup64 = { 6A 21 58 [0-8] 0F 05 }
		$exec64 = { 6A 3B 58 [0-32] 0F 05 }
		// socketcall (102), dup2 (63), execve (11)
		$socket32 = { 6A 66 58 [0-8] CD 80 }
		$socket32b = { B0 66 [0-8] CD 80 }
		$dup32 = { 6A 3F 58 [0-4] CD 80 }
		$dup32b = { B0 3F [0-4] CD 80 }
		$exec32 = { B0 0B [0-4] CD 80 }
		$exec32b = { 6A 0B 58 [0-32] CD 80 }
		$shell1 = { 68 2F 2F 73 68 68 2F 62 69 6E }
		$shell2 = { 68 2F 73 68 00 68 2F 62 69 6E }
		$shell3 = "/bin/sh"
		$shell4 = "/bin//sh"
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 8KB and any of ($shell*) and
		(($socket64 and ($connect64 or $bind64) and $dup64 and $exec64) or
		 (any of ($socket32*) and any of ($dup32*) and any of ($exec32*)))
}

rule Custos_Shell_ELF_Small
{
	meta:
		description = "A small program that makes a connection, ties standard files to it and runs a shell, and does little else"
		reference = "MITRE ATT&CK T1059.004"
		date = "2026-11-27"
		severity = "high"
		level = "log"
	strings:
		$connects = "\x00connect\x00"
		$dup = "\x00dup2\x00"
		$exec = /\x00(execve|execl|execv|execlp)\x00/
		$address = /\x00(inet_addr|inet_pton|inet_aton)\x00/
		$shell = /\x00\/bin\/(ba)?sh\x00/
		$other1 = "\x00getopt"
		$other2 = "usage:" nocase
		$other3 = "\x00getpwnam"
		$other4 = "\x00setlocale\x00"
		$other5 = "\x00openlog\x00"
	condition:
		uint32be(0) == 0x7F454C46 and filesize < 32KB and $connects and $dup and $exec and $address and $shell and
		none of ($other*)
}
