/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: web shells in Python and Perl.
 */

rule Custos_Python_Request_To_Command
{
	meta:
		description = "Python that runs what the request brings as a command or as code"
		reference = "MITRE ATT&CK T1505.003, T1059.006"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$import = /\b(import|from)\s{1,4}(os|subprocess|cgi|flask|bottle|tornado|aiohttp|fastapi|django)\b/
		$cgi = /\b(os\.(system|popen)|subprocess\.(call|run|Popen|check_output|getoutput|getstatusoutput)|commands\.getoutput|eval|exec)\s{0,4}\(\s{0,4}([a-zA-Z_.]{1,24}\()?\s{0,4}\w{1,24}\.(getvalue|getfirst)\s{0,4}\(/
		$web = /\b(os\.(system|popen)|subprocess\.(call|run|Popen|check_output|getoutput|getstatusoutput)|commands\.getoutput)\s{0,4}\(\s{0,4}([a-zA-Z_.]{1,24}\()?\s{0,4}(self\.)?request\.(args|form|values|cookies|headers|GET|POST|query|params|get_argument)\b/
		$code = /\b(eval|exec)\s{0,4}\(\s{0,4}(base64\.b64decode\()?(self\.)?request\.(args|form|values|cookies|headers|GET|POST|query|params|get_argument)\b/
		// StringIO has a getvalue(), too
		$form = /\bFieldStorage\s{0,4}\(/
	condition:
		filesize < 1MB and $import and ($web or $code or ($cgi and $form))
}

rule Custos_Python_Command_Page
{
	meta:
		description = "A small CGI script in Python that takes a field, starts a process and shows what it says"
		reference = "MITRE ATT&CK T1505.003, T1059.006"
		date = "2026-11-27"
		severity = "medium"
		level = "log"
	strings:
		$form = "cgi.FieldStorage("
		$takes = /\.(getvalue|getfirst)\s{0,4}\(\s{0,4}["'](cmd|command|exec|c)["']/
		$starts = /\b(os\.(system|popen)|subprocess\.(call|run|Popen|check_output|getoutput|getstatusoutput)|commands\.getoutput)\s{0,4}\(\s{0,4}\w{1,24}\s{0,4}[,)]/
	condition:
		uint16be(0) == 0x2321 and filesize < 32KB and $form and $takes and $starts
}

rule Custos_Perl_Request_To_Command
{
	meta:
		description = "A CGI script in Perl that runs what the request brings as a command or as code"
		reference = "MITRE ATT&CK T1505.003, T1059"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$perl = /^#![^\r\n]{1,60}perl/
		$call = /\b(system|exec|eval)\s{0,4}\(?\s{0,4}["']?(\$\w{1,24}\s{0,4}->\s{0,4}|CGI::)?param\s{0,4}\(/
		$tick = /(`|\bqx\s{0,4}[({\/|])\s{0,4}(\$\{\\\s{0,4}|@\{\[\s{0,4})?\$?\w{0,24}\s{0,4}(->)?\s{0,4}param\s{0,4}\(/
		$env = /(\b(system|exec|eval)\s{0,4}\(?\s{0,4}|`|\bqx\s{0,4}[({\/|]\s{0,4})["']?\$ENV\{\s{0,4}['"]?(QUERY_STRING|HTTP_[A-Z_]{2,32})['"]?\s{0,4}\}/
	condition:
		$perl at 0 and any of ($call, $tick, $env)
}
