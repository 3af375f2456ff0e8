/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status-get SOCKET .FIELD[.FIELD...] [DEFAULT]: one field of custosd's status, as `jq -r '.FIELD // DEFAULT'` prints it
 *
 * Tests ask for the state many times a second, and custosctl with jq takes 50 ms of a processor for each: a third of all
 * they used. Prints nothing when custosd does not answer; exit 0 when it does.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_BYTES    ((size_t)4 << 20)
#define PATIENCE_SEC    20

static int dial(const char *path)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SEC};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ? -1 : fd;
}

/* Both ends of a message are a NUL. NULL: no whole answer. */
static json_t *ask(int fd)
{
	static const char call[] = "{\"method\":\"io.custos.Manager.Status\"}";
	static char answer[ANSWER_BYTES];
	size_t len = 0;

	if (send(fd, call, sizeof(call), MSG_NOSIGNAL) != sizeof(call))
		return NULL;
	while (len < sizeof(answer) && (len == 0 || answer[len - 1] != '\0')) {
		ssize_t n = recv(fd, answer + len, sizeof(answer) - len, 0);

		if (n <= 0)
			return NULL;
		len += (size_t)n;
	}
	return json_loads(answer, 0, NULL);
}

static const json_t *find(const json_t *value, char *path)
{
	for (char *name = strtok(path, "."); name && value; name = strtok(NULL, "."))
		value = json_object_get(value, name);
	return value;
}

static void print(const json_t *value, const char *otherwise)
{
	char *text;

	if (!value || json_is_null(value) || (otherwise && json_is_false(value))) {
		puts(otherwise ? otherwise : "null");
	} else if (json_is_string(value)) {
		puts(json_string_value(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		puts(text ? text : "");
		free(text);
	}
}

int main(int argc, char **argv)
{
	json_t *reply, *status;
	int fd;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: status-get SOCKET .FIELD[.FIELD...] [DEFAULT]\n");
		return 2;
	}
	fd = dial(argv[1]);
	reply = fd < 0 ? NULL : ask(fd);
	status = json_object_get(reply, "parameters");
	if (!status || json_object_get(reply, "error"))
		return 1;
	print(find(status, argv[2]), argv[3]);
	json_decref(reply);
	(void)close(fd);
	return 0;
}
