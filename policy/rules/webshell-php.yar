/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: web shells in PHP.
 *
 * What they have in common is a short way from the request to code or a command. The rules follow that way,
 * not the names, colours or comments of one shell or another. Of $_SERVER a request sets a few values; others are the
 * host's own, and honest scripts run what they name.
 */

rule Custos_PHP_Request_To_Code
{
	meta:
		description = "PHP that runs what the request brings as PHP"
		reference = "MITRE ATT&CK T1505.003"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open1 = "<?php" nocase
		$open2 = "<?="
		$way = /\b(eval|assert)\s{0,8}\(\s{0,8}@?\s{0,8}((stripslashes|base64_decode|gzinflate|gzuncompress|str_rot13|urldecode|hex2bin|trim|strrev|convert_uudecode)\s{0,4}\(\s{0,4}@?){0,3}\$(_(POST|GET|REQUEST|COOKIE)\s{0,4}[\[{]|_SERVER\s{0,4}[\[{]\s{0,4}["']?(HTTP_|QUERY_STRING|REQUEST_URI|PATH_INFO|PHP_AUTH_))/ nocase
	condition:
		any of ($open*) and $way
}

rule Custos_PHP_Request_To_Command
{
	meta:
		description = "PHP that runs what the request brings as a command"
		reference = "MITRE ATT&CK T1505.003, T1059.004"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open1 = "<?php" nocase
		$open2 = "<?="
		$call = /\b(system|shell_exec|passthru|popen|proc_open|pcntl_exec|exec)\s{0,8}\(\s{0,8}@?\s{0,8}((stripslashes|base64_decode|urldecode|hex2bin|trim|strrev)\s{0,4}\(\s{0,4}@?){0,2}\$(_(POST|GET|REQUEST|COOKIE)\s{0,4}[\[{]|_SERVER\s{0,4}[\[{]\s{0,4}["']?(HTTP_|QUERY_STRING|REQUEST_URI|PATH_INFO|PHP_AUTH_))/ nocase
		$tick = /(echo|print|return|die\s{0,4}\()\s{0,8}`\s{0,8}\{?\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[/ nocase
	condition:
		any of ($open*) and ($call or $tick)
}

rule Custos_PHP_Request_As_Function
{
	meta:
		description = "PHP that lets the request choose the function as well as what it is given"
		reference = "MITRE ATT&CK T1505.003, T1027"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open1 = "<?php" nocase
		$open2 = "<?="
		$direct = /\$_(POST|GET|REQUEST|COOKIE|SERVER)\s{0,4}[\[{]['"]?[\w-]{1,32}['"]?[\]}]\s{0,4}\(\s{0,4}@?\s{0,4}([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}){0,2}\$(_(POST|GET|REQUEST|COOKIE)\s{0,4}[\[{]|_SERVER\s{0,4}[\[{]\s{0,4}["']?(HTTP_|QUERY_STRING|REQUEST_URI|PATH_INFO|PHP_AUTH_))/
		$callback = /\b(call_user_func|call_user_func_array|array_map|forward_static_call|register_shutdown_function|create_function)\s{0,4}\(\s{0,4}@?\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[/ nocase
	condition:
		any of ($open*) and ($direct or $callback)
}

rule Custos_PHP_Regex_To_Code
{
	meta:
		description = "PHP that runs code through the e modifier of a regular expression"
		reference = "MITRE ATT&CK T1505.003, T1027"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$open = "<?php" nocase
		$way = /\b(preg_replace|mb_ereg_replace|preg_filter)\s{0,4}\(\s{0,4}["'][^"'\r\n]{1,48}[\/#~|][imsxuADU]{0,4}e[imsxuADU]{0,4}["']\s{0,4},\s{0,4}@?(\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[|["']\s{0,4}@?(eval|assert|system)\b)/ nocase
	condition:
		$open and $way
}

rule Custos_PHP_Unpacked_To_Code
{
	meta:
		description = "PHP that runs code hidden under two or more layers of encoding"
		reference = "MITRE ATT&CK T1505.003, T1027.013"
		date = "2026-11-27"
		severity = "high"
		level = "deny"
	strings:
		$open = "<?php" nocase
		$way = /\b(eval|assert)\s{0,8}\(\s{0,8}(["']\s?\?>["']\s{0,4}\.\s{0,4})?@?((gzinflate|gzuncompress|gzdecode|str_rot13|strrev|base64_decode|convert_uudecode|rawurldecode|urldecode|hex2bin)\s{0,4}\(\s{0,4}@?){2,6}["'][A-Za-z0-9+\/=%\\]{48}/ nocase
	condition:
		$open and $way
}

rule Custos_PHP_Decoded_To_Code
{
	meta:
		description = "PHP that runs code hidden under one layer of encoding: shells do, some licence checks do"
		reference = "MITRE ATT&CK T1027.013"
		date = "2026-11-27"
		severity = "medium"
		level = "log"
	strings:
		$open = "<?php" nocase
		$way = /\beval\s{0,8}\(\s{0,8}(["']\s?\?>["']\s{0,4}\.\s{0,4})?@?(gzinflate|gzuncompress|gzdecode|str_rot13|strrev|base64_decode|hex2bin)\s{0,4}\(\s{0,4}["'][A-Za-z0-9+\/=%\\]{48}/ nocase
	condition:
		$open and $way
}

rule Custos_PHP_Request_To_File
{
	meta:
		description = "PHP that writes what the request brings to the file that the request names"
		reference = "MITRE ATT&CK T1505.003, T1105"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open1 = "<?php" nocase
		$open2 = "<?="
		$put = /\bfile_put_contents\s{0,4}\(\s{0,4}@?\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[[^\]\r\n]{1,40}\]\s{0,4},\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}){0,2}\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[/ nocase
		$write = /\bf(write|puts)\s{0,4}\(\s{0,4}fopen\s{0,4}\(\s{0,4}@?\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[[^;\r\n]{1,80}\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[/ nocase
	condition:
		any of ($open*) and ($put or $write)
}

rule Custos_PHP_Bare_Upload
{
	meta:
		description = "A few lines of PHP that store any upload under the name it came with"
		reference = "MITRE ATT&CK T1505.003, T1105"
		date = "2026-11-27"
		severity = "medium"
		level = "log"
	strings:
		$open = "<?php" nocase
		$move = /\b(move_uploaded_file|copy)\s{0,4}\(\s{0,4}\$_FILES\s{0,4}\[[^\]\r\n]{1,40}\]\s{0,4}\[["']?tmp_name["']?\]\s{0,4},\s{0,4}[^;\r\n]{0,60}\$_FILES\s{0,4}\[[^\]\r\n]{1,40}\]\s{0,4}\[["']?name["']?\]/ nocase
		$checked1 = "pathinfo" nocase
		$checked2 = "finfo" nocase
		$checked3 = "in_array" nocase
		$checked4 = "require" nocase
		$checked5 = "include" nocase
		$checked6 = "class " nocase
	condition:
		filesize < 4KB and $open and $move and none of ($checked*)
}

rule Custos_PHP_In_Image
{
	meta:
		description = "An image that holds PHP which runs what the request brings"
		reference = "MITRE ATT&CK T1505.003, T1027.009"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$open = "<?php" nocase
		$request = /\$(_(POST|GET|REQUEST|COOKIE)\s{0,4}[\[{]|_SERVER\s{0,4}[\[{]\s{0,4}["']?(HTTP_|QUERY_STRING|REQUEST_URI|PATH_INFO|PHP_AUTH_))/
		$run = /\b(eval|assert|system|shell_exec|passthru|popen|proc_open|exec|call_user_func|include|require)\s{0,4}\(?\s{0,4}[@$"'(]/ nocase
	condition:
		// GIF, JPEG, PNG, BMP
		(uint32be(0) == 0x47494638 or uint16be(0) == 0xFFD8 or uint32be(0) == 0x89504E47 or
		 (uint16be(0) == 0x424D and uint16(6) == 0)) and
		$open and $request and $run
}

rule Custos_PHP_Console
{
	meta:
		description = "A page of PHP that looks for a way to run commands, and says who it runs as"
		reference = "MITRE ATT&CK T1505.003, T1082"
		date = "2026-11-27"
		severity = "high"
		level = "log"
	strings:
		$open = "<?php" nocase
		$looks1 = /\bini_get\s{0,4}\(\s{0,4}["']disable_functions["']/ nocase
		$looks2 = /\bfunction_exists\s{0,4}\(\s{0,4}["'](passthru|shell_exec|proc_open|popen|system|exec)["']/ nocase
		$who1 = "posix_getpwuid" nocase
		$who2 = "posix_geteuid" nocase
		$who3 = "php_uname" nocase
		$way1 = /\bpassthru\s{0,4}\(\s{0,4}\$/ nocase
		$way2 = /\bshell_exec\s{0,4}\(\s{0,4}\$/ nocase
		$way3 = /\bproc_open\s{0,4}\(\s{0,4}\$/ nocase
		$way4 = /\bpopen\s{0,4}\(\s{0,4}\$/ nocase
		$way5 = /\bsystem\s{0,4}\(\s{0,4}\$/ nocase
		$asked = /\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[/
	condition:
		filesize < 512KB and $open and any of ($looks*) and 2 of ($who*) and 4 of ($way*) and $asked
}
