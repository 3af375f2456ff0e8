/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: web shells in ASP and ASP.NET. They are found on Linux servers that serve files to Windows
 * ones, and under Mono.
 */

rule Custos_ASPX_Request_To_Code
{
	meta:
		description = "An ASP page that runs what the request brings as code"
		reference = "MITRE ATT&CK T1505.003"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open = "<%"
		$net = /\beval\s{0,4}\(\s{0,4}(System\.Text\.Encoding\.[\w.()]{1,40}\(\s{0,4}(System\.)?Convert\.FromBase64String\(\s{0,4})?Request\s{0,4}(\.\s{0,4}(Item|Form|QueryString|Headers|Params|Cookies)\s{0,4})?[\[(]/ nocase
		$classic = /<%\s{0,8}(eval|execute|executeglobal)\s{0,4}\(?\s{0,4}request\s{0,4}(\.\s{0,4}(item|form|querystring)\s{0,4})?[(\[]/ nocase
	condition:
		$open in (0..4096) and ($net or $classic)
}

rule Custos_ASPX_Request_To_Command
{
	meta:
		description = "An ASP.NET page that takes a value from the request, starts a process and shows what it says"
		reference = "MITRE ATT&CK T1505.003, T1059"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$page = /<%@\s{0,4}(Page|WebHandler|WebService)\b/ nocase
		$takes1 = /\bRequest\s{0,4}(\.\s{0,4}(Form|QueryString|Params|Headers)\s{0,4})?[\[(]\s{0,4}"/ nocase
		$takes2 = /<asp:TextBox\b/ nocase
		$starts = /\b(ProcessStartInfo|new\s{1,4}Process|Process\s{0,4}\.\s{0,4}Start)\b/
		$reads = ".StandardOutput"
		$shell1 = "cmd.exe" nocase
		$shell2 = "powershell" nocase
		$shell3 = "\"/bin/sh\""
		$shell4 = "\"/bin/bash\""
	condition:
		filesize < 256KB and $page in (0..4096) and any of ($takes*) and $starts and $reads and any of ($shell*)
}

rule Custos_ASPX_Request_To_Assembly
{
	meta:
		description = "An ASP.NET page that loads an assembly out of what the request brings"
		reference = "MITRE ATT&CK T1505.003, T1620"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$page = /<%@\s{0,4}(Page|WebHandler|WebService)\b/ nocase
		$load = /\bAssembly\s{0,4}\.\s{0,4}Load\s{0,4}\(/
		$takes = /\bRequest\s{0,4}(\.\s{0,4}(BinaryRead|Form|QueryString|InputStream|Headers|Params)\b|\[)/
		$makes = /\.\s{0,4}(CreateInstance|GetMethod)\s{0,4}\(/
		$decodes1 = "FromBase64String"
		$decodes2 = "RijndaelManaged"
		$decodes3 = "CreateDecryptor"
		$decodes4 = "BinaryRead"
	condition:
		filesize < 128KB and $page in (0..4096) and $load and $takes and $makes and any of ($decodes*)
}
