/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: web shells in JSP.
 */

rule Custos_JSP_Request_To_Command
{
	meta:
		description = "A JSP page that runs what the request brings as a command"
		reference = "MITRE ATT&CK T1505.003, T1059.004"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open = "<%"
		$exec = /\bgetRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec\s{0,4}\([^;]{0,120}request\s{0,4}\.\s{0,4}getParameter(Values)?\s{0,4}\(/
		$builder = /\bnew\s{1,4}ProcessBuilder\s{0,4}\([^;]{0,120}request\s{0,4}\.\s{0,4}getParameter(Values)?\s{0,4}\(/
	condition:
		$open in (0..4096) and ($exec or $builder)
}

rule Custos_JSP_Command_Page
{
	meta:
		description = "A small JSP page that takes a parameter, starts a process and shows what it says"
		reference = "MITRE ATT&CK T1505.003"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$open = "<%"
		$takes = /\brequest\s{0,4}\.\s{0,4}getParameter\s{0,4}\(/
		$starts1 = /\bgetRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec\s{0,4}\(/
		$starts2 = /\bnew\s{1,4}(java\.lang\.)?ProcessBuilder\s{0,4}\(/
		$reads = /\.\s{0,4}getInputStream\s{0,4}\(\s{0,4}\)/
		$shell1 = "\"/bin/sh\""
		$shell2 = "\"/bin/bash\""
		$shell3 = "\"cmd.exe\"" nocase
		$shell4 = /getParameter\s{0,4}\(\s{0,4}"(cmd|command|exec|comando|c)"/
	condition:
		filesize < 64KB and $open in (0..4096) and $takes and any of ($starts*) and $reads and any of ($shell*)
}

rule Custos_JSP_Request_To_Class
{
	meta:
		description = "A JSP page that loads a class out of what the request brings"
		reference = "MITRE ATT&CK T1505.003, T1620"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open = "<%"
		$define = /\bdefineClass\b/
		$loader = /\bextends\s{1,4}(java\.lang\.)?ClassLoader\b|\bgetSystemClassLoader\b|\bgetDeclaredMethod\s{0,4}\(\s{0,4}"defineClass"/
		$takes = /\brequest\s{0,4}\.\s{0,4}(getParameter|getReader|getInputStream|getHeader)\s{0,4}\(/
		$decodes1 = "BASE64Decoder"
		$decodes2 = "Base64.getDecoder"
		$decodes3 = "decodeBase64"
		$decodes4 = /Cipher\s{0,4}\.\s{0,4}getInstance\s{0,4}\(\s{0,4}"AES/
	condition:
		filesize < 128KB and $open in (0..4096) and $define and $loader and $takes and any of ($decodes*)
}

rule Custos_JSP_Request_To_File
{
	meta:
		description = "A JSP page that writes what the request brings to the file that the request names"
		reference = "MITRE ATT&CK T1505.003, T1105"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open = "<%"
		$way = /\bnew\s{1,4}(java\.io\.)?(FileOutputStream|FileWriter|PrintWriter)\s{0,4}\([^;]{0,120}request\s{0,4}\.\s{0,4}getParameter\s{0,4}\([^;]{0,80}\.\s{0,4}write\s{0,4}\([^;]{0,60}request\s{0,4}\.\s{0,4}getParameter\s{0,4}\(/
	condition:
		$open in (0..4096) and $way
}
