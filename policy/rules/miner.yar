/*
 * SPDX-License-Identifier: Apache-2.0
 * custos base rules: coin miners, and the scripts that bring them.
 */

rule Custos_Miner_Program
{
	meta:
		description = "A program that mines coins with a pool"
		reference = "MITRE ATT&CK T1496"
		date = "2026-11-27"
		severity = "medium"
		level = "log"
	strings:
		$pool1 = "stratum+tcp://"
		$pool2 = "stratum+ssl://"
		$pool3 = "daemon+http://"
		$talk1 = "mining.subscribe"
		$talk2 = "mining.submit"
		$talk3 = "mining.authorize"
		$talk4 = "keepalived" fullword
		$talk5 = "donate-level"
		$talk6 = "\"job_id\""
		$kind1 = "cryptonight" nocase
		$kind2 = "randomx" nocase
		$kind3 = "rx/0"
		$kind4 = "ethash" nocase
		$kind5 = "kawpow" nocase
		$kind6 = "hashrate" nocase
	condition:
		uint32be(0) == 0x7F454C46 and any of ($pool*) and 2 of ($talk*) and 2 of ($kind*)
}

rule Custos_Miner_Configuration
{
	meta:
		description = "Configuration of a coin miner"
		reference = "MITRE ATT&CK T1496"
		date = "2026-11-27"
		severity = "medium"
		level = "log"
	strings:
		$pools = /"pools"\s{0,8}:\s{0,8}\[/
		$donate = /"donate-level"\s{0,8}:/
		$url = /"url"\s{0,8}:\s{0,8}"[^"\r\n]{4,120}:[0-9]{2,5}"/
		$user = /"(user|rig-id|pass)"\s{0,8}:/
		$threads = /"(randomx|huge-pages|max-cpu-usage|cpu)"\s{0,8}:/
	condition:
		filesize < 64KB and $pools and $donate and $url and $user and $threads
}

rule Custos_Miner_Script
{
	meta:
		description = "A shell script that makes room for a miner: ends others, disarms the host, stays"
		reference = "MITRE ATT&CK T1496, T1562.001, T1053.003"
		date = "2026-11-27"
		severity = "critical"
		level = "deny"
	strings:
		$rival1 = /\b(pkill|killall|pgrep)\s{1,4}(-[0-9a-zA-Z]{1,8}\s{1,4}){0,3}["']?\w{0,12}(xmr|miner|kinsing|kdevtmpfsi|cryptonight|stratum|watchbog|ddgs|sysrv)/
		$rival2 = /\bgrep\s{1,4}(-[a-zA-Z]{1,6}\s{1,4})?["']?[^|\r\n]{0,60}(xmr|miner|kinsing|kdevtmpfsi|cryptonight|stratum|minexmr|supportxmr)[^\r\n]{0,120}\bkill\s{1,4}-9/
		$disarm1 = /\bchattr\s{1,4}-[iaR]{1,3}\s{1,4}\/(etc|var|usr|tmp|root|dev)/
		$disarm2 = /\b(ufw\s{1,4}disable|iptables\s{1,4}-F\b|setenforce\s{1,4}0)/
		$disarm3 = /\b(systemctl|service)\s{1,4}(stop\s{1,4})?(aliyun|aegis|cloudmonitor|apparmor|auditd|bcm-agent|qcloud|YDService)/ nocase
		$disarm4 = /\brm\s{1,4}-[rf]{1,2}\s{1,4}\/(var\/log\/(syslog|secure|wtmp|auth\.log)|root\/\.bash_history)/
		$brings1 = /\b(curl|wget)\s[^\r\n|]{0,160}\|\s{0,4}(ba)?sh\b/
		$brings2 = /\b(curl|wget)\s[^\r\n]{0,160}(-o|-O|>)\s{0,4}["']?\/(tmp|var\/tmp|dev\/shm)\//
		$brings3 = "--donate-level"
		$brings4 = /stratum\+(tcp|ssl):\/\//
		$stays1 = /\bcrontab\s{1,4}-(r\b|\s|l\s{0,4}\|)/
		$stays2 = /(>|>>|tee)\s{0,4}(-a\s{1,4})?\/(etc\/cron\.(d|hourly|daily)\/|etc\/crontab|var\/spool\/cron)/
		$stays3 = /(>|>>)\s{0,4}\/etc\/ld\.so\.preload/
		$stays4 = /\bvm\.nr_hugepages\b/
		$stays5 = /(>|>>)\s{0,4}[^\s]{0,40}\.ssh\/authorized_keys/
	condition:
		uint16be(0) == 0x2321 and filesize < 256KB and
		((any of ($rival*) and any of ($disarm*) and any of ($brings*) and any of ($stays*)) or
		 (2 of ($disarm*) and 2 of ($brings*) and 2 of ($stays*)))
}
