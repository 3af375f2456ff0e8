/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/types.h"
#include "custos/varlink.h"
#include "unit.h"

static int parse_call(const char *text)
{
	struct varlink_message m = {0};
	int r = varlink_parse_call(text, strlen(text), &m);

	varlink_message_deinit(&m);
	return r;
}

START_TEST(varlink_find_end_partial_is_eagain)
{
	size_t len = 99;

	ck_assert_int_eq(varlink_find_end("", 0, &len), -EAGAIN);
	ck_assert_int_eq(varlink_find_end("{\"a\"", 4, &len), -EAGAIN);
	ck_assert_uint_eq(len, 99);
	ck_assert_int_eq(varlink_find_end("{}\0{}", 6, &len), 0);
	ck_assert_uint_eq(len, 2);
}
END_TEST

START_TEST(varlink_find_end_at_limit_and_past_it)
{
	_cleanup_(freep) char *buf = malloc(VARLINK_MESSAGE_MAX + 2);
	size_t len;

	memset(buf, ' ', VARLINK_MESSAGE_MAX + 2);
	ck_assert_int_eq(varlink_find_end(buf, VARLINK_MESSAGE_MAX, &len), -EAGAIN);
	ck_assert_int_eq(varlink_find_end(buf, VARLINK_MESSAGE_MAX + 1, &len),
	                 -EMSGSIZE);
	buf[VARLINK_MESSAGE_MAX + 1] = '\0';
	ck_assert_int_eq(varlink_find_end(buf, VARLINK_MESSAGE_MAX + 2, &len),
	                 -EMSGSIZE);
	buf[VARLINK_MESSAGE_MAX] = '\0';
	ck_assert_int_eq(varlink_find_end(buf, VARLINK_MESSAGE_MAX + 1, &len), 0);
	ck_assert_uint_eq(len, VARLINK_MESSAGE_MAX);
}
END_TEST

START_TEST(varlink_parse_call_reads_all_members)
{
	static const char text[] =
		"{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},\"more\":true,"
		"\"oneway\":false}";
	struct varlink_message m = {0};

	ck_assert_int_eq(varlink_parse_call(text, sizeof(text) - 1, &m), 0);
	ck_assert_str_eq(m.method, "a.b.C");
	ck_assert_uint_eq(m.flags, VARLINK_MORE);
	ck_assert_int_eq(json_integer_value(json_object_get(m.parameters, "x")), 1);
	varlink_message_deinit(&m);
	ck_assert_int_eq(varlink_parse_call("{\"method\":\"a.B\"}", 16, &m), 0);
	ck_assert_uint_eq(json_object_size(m.parameters), 0);
	varlink_message_deinit(&m);
}
END_TEST

/* The list of operations.md, and messages that are JSON but no call. */
START_TEST(varlink_parse_call_hostile_is_refused)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{",
		"{}",
		"\"a\"",
		"{\"method\":1}",
		"{\"method\":\"\"}",
		"{\"method\":\"a b\"}",
		"{\"method\":\"a.B\",\"method\":\"a.C\"}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":1,\"x\":2}}",
		"{\"method\":\"a.B\",\"parameters\":[]}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":\"\\ud800\"}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":\"\\u0000\"}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\\u0000y\":1}}",
		"{'method':'a.B'}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":NaN}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":18446744073709551616}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":18446744073709551615}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":1e999}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":01}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":\"a\nb\"}}",
		"{\"method\":\"a.B\",\"parameters\":{\"x\":\"\xff\"}}",
		"{\"method\":\"a.B\",}",
		"{\"method\":\"a.B\"} x",
		"{\"method\":\"a.B\",\"other\":1}",
		"{\"method\":\"a.B\",\"more\":1}",
		"{\"method\":\"a.B\",\"more\":true,\"oneway\":true}",
		"{\"method\":\"a.B\",\"continues\":true}",
		"{\"method\":\"a.B\",\"error\":\"a.C\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(parse_call(bad[i]) == -EBADMSG, "accepted: %s", bad[i]);
}
END_TEST

/* A call whose parameters nest so that @depth brackets are open at once. */
static int parse_nested(unsigned depth, bool hide_in_string)
{
	static const char head[] = "{\"method\":\"a.B\",\"parameters\":{\"x\":";
	_cleanup_(freep) char *text = calloc(1, 4096);
	char *p = stpcpy(text, head);

	if (hide_in_string)
		p = stpcpy(p, "\"\\\"");
	for (unsigned i = 2; i < depth; i++)
		p = stpcpy(p, "[");
	if (hide_in_string)
		p = stpcpy(p, "\"");
	else
		for (unsigned i = 2; i < depth; i++)
			p = stpcpy(p, "]");
	stpcpy(p, "}}");
	return parse_call(text);
}

START_TEST(varlink_parse_call_depth_at_limit_and_past_it)
{
	ck_assert_int_eq(parse_nested(VARLINK_DEPTH_MAX, false), 0);
	ck_assert_int_eq(parse_nested(VARLINK_DEPTH_MAX + 1, false), -E2BIG);
	ck_assert_int_eq(parse_nested(VARLINK_DEPTH_MAX + 100, true), 0);
}
END_TEST

START_TEST(varlink_parse_call_length_at_limit_and_past_it)
{
	static const char call[] = "{\"method\":\"a.B\"}";
	_cleanup_(freep) char *text = malloc(VARLINK_MESSAGE_MAX + 1);
	struct varlink_message m = {0};

	memset(text, ' ', VARLINK_MESSAGE_MAX + 1);
	memcpy(text, call, sizeof(call) - 1);
	ck_assert_int_eq(varlink_parse_call(text, VARLINK_MESSAGE_MAX, &m), 0);
	varlink_message_deinit(&m);
	ck_assert_int_eq(varlink_parse_call(text, VARLINK_MESSAGE_MAX + 1, &m),
	                 -EMSGSIZE);
}
END_TEST

START_TEST(varlink_parse_reply_error_and_continues)
{
	static const char error[] = "{\"error\":\"a.B\",\"parameters\":{\"p\":\"q\"}}";
	static const char more[] = "{\"parameters\":{},\"continues\":true}";
	static const char both[] = "{\"error\":\"a.B\",\"continues\":true}";
	struct varlink_message m = {0};

	ck_assert_int_eq(varlink_parse_reply(error, sizeof(error) - 1, &m), 0);
	ck_assert_str_eq(m.error, "a.B");
	varlink_message_deinit(&m);
	ck_assert_int_eq(varlink_parse_reply(more, sizeof(more) - 1, &m), 0);
	ck_assert_ptr_null(m.error);
	ck_assert_uint_eq(m.flags, VARLINK_CONTINUES);
	varlink_message_deinit(&m);
	ck_assert_int_eq(varlink_parse_reply(both, sizeof(both) - 1, &m), -EBADMSG);
	ck_assert_int_eq(varlink_parse_reply("{\"more\":true}", 13, &m), -EBADMSG);
}
END_TEST

START_TEST(varlink_build_then_parse_is_the_same)
{
	json_t *p = json_pack("{s:i}", "x", 5);
	struct varlink_message m = {0};
	_cleanup_(freep) char *call = NULL;
	_cleanup_(freep) char *reply = NULL;
	size_t len;

	ck_assert_int_eq(varlink_build_call("a.B", p, VARLINK_MORE, &call, &len), 0);
	ck_assert_int_eq(call[len - 1], '\0');
	ck_assert_int_eq(varlink_parse_call(call, len - 1, &m), 0);
	ck_assert_uint_eq(m.flags, VARLINK_MORE);
	ck_assert(json_equal(m.parameters, p));
	varlink_message_deinit(&m);
	ck_assert_int_eq(varlink_build_reply(NULL, p, VARLINK_CONTINUES, &reply, &len),
	                 0);
	ck_assert_int_eq(varlink_parse_reply(reply, len - 1, &m), 0);
	ck_assert_uint_eq(m.flags, VARLINK_CONTINUES);
	varlink_message_deinit(&m);
	json_decref(p);
}
END_TEST

START_TEST(varlink_build_reply_too_long_is_emsgsize)
{
	_cleanup_(freep) char *text = calloc(1, VARLINK_MESSAGE_MAX + 1);
	json_t *p = json_object();
	char *out = NULL;
	size_t len;

	memset(text, 'a', VARLINK_MESSAGE_MAX);
	json_object_set_new(p, "x", json_string(text));
	ck_assert_int_eq(varlink_build_reply(NULL, p, 0, &out, &len), -EMSGSIZE);
	ck_assert_ptr_null(out);
	json_decref(p);
}
END_TEST

START_TEST(varlink_set_bytes_invalid_utf8_adds_base64)
{
	json_t *o = json_object();

	ck_assert_int_eq(varlink_set_bytes(o, "path", "/a\nb", 4), 0);
	ck_assert_str_eq(json_string_value(json_object_get(o, "path")), "/a\nb");
	ck_assert_ptr_null(json_object_get(o, "pathBase64"));
	ck_assert_int_eq(varlink_set_bytes(o, "path", "/a\xff", 3), 0);
	ck_assert_str_eq(json_string_value(json_object_get(o, "path")), "/a\\xff");
	ck_assert_str_eq(json_string_value(json_object_get(o, "pathBase64")), "L2H/");
	json_decref(o);
}
END_TEST

UNIT_MAIN("varlink", varlink_find_end_partial_is_eagain,
          varlink_find_end_at_limit_and_past_it, varlink_parse_call_reads_all_members,
          varlink_parse_call_hostile_is_refused,
          varlink_parse_call_depth_at_limit_and_past_it,
          varlink_parse_call_length_at_limit_and_past_it,
          varlink_parse_reply_error_and_continues, varlink_build_then_parse_is_the_same,
          varlink_build_reply_too_long_is_emsgsize,
          varlink_set_bytes_invalid_utf8_adds_base64)
