/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server reflection: clients without our .proto files ask for the services and their descriptors.
 * The descriptors are what protoc wrote at build time, embedded; a small walk over their wire form
 * finds files and symbols. Called by the server's thread, keeps nothing.
 */
#include "agent/grpc_call.h"
#include "agent/proto/descriptors.h"
#include "agent/proto/reflection.pb-c.h"

enum { MAX_FILES = 32, WIRE_VARINT = 0, WIRE_BYTES = 2 };
/* Field numbers of google/protobuf/descriptor.proto. */
enum { SET_FILE = 1 };
enum { FILE_NAME = 1, FILE_PACKAGE = 2, FILE_DEPENDENCY = 3, FILE_MESSAGE = 4, FILE_ENUM = 5,
       FILE_SERVICE = 6 };
enum { ANY_NAME = 1, SERVICE_METHOD = 2, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };

struct entry {
	unsigned number;
	struct str bytes;
};

static bool read_varint(struct str *in, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; in->len && shift < 64; shift += 7) {
		uint8_t b = (uint8_t)*in->p++;

		in->len--;
		*ret |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
	}
	return false;
}

/* The next field of kind bytes; numbers are skipped. */
static bool next_entry(struct str *in, struct entry *ret)
{
	uint64_t tag, v;

	while (read_varint(in, &tag)) {
		if ((tag & 7) == WIRE_VARINT) {
			if (!read_varint(in, &v))
				return false;
			continue;
		}
		if ((tag & 7) != WIRE_BYTES || !read_varint(in, &v) || v > in->len)
			return false;
		*ret = (struct entry){ (unsigned)(tag >> 3), str_sub(*in, 0, (uint32_t)v) };
		*in = str_sub(*in, (uint32_t)v, in->len);
		return true;
	}
	return false;
}

static struct str text_of(struct str in, unsigned number)
{
	struct entry e;

	while (next_entry(&in, &e))
		if (e.number == number)
			return e.bytes;
	return STR_NONE;
}

/* "NAME" or "NAME.rest": *symbol becomes the rest. */
static bool descend(struct str *symbol, struct str name)
{
	if (name.len == 0)
		return true;
	if (!str_starts(*symbol, name))
		return false;
	if (symbol->len == name.len) {
		*symbol = str_sub(*symbol, name.len, symbol->len);
		return true;
	}
	if (symbol->p[name.len] != '.' || symbol->len == name.len + 1)
		return false;
	*symbol = str_sub(*symbol, name.len + 1, symbol->len);
	return true;
}

/* Is `symbol` this message, enum or service, or something in it? Two levels is what there is. */
static bool defines(struct str body, struct str symbol)
{
	struct entry e;

	if (!descend(&symbol, text_of(body, ANY_NAME)))
		return false;
	if (symbol.len == 0)
		return true;
	while (next_entry(&body, &e))
		if ((e.number == SERVICE_METHOD || e.number == MESSAGE_NESTED ||
		     e.number == MESSAGE_ENUM) &&
		    str_eq(text_of(e.bytes, ANY_NAME), symbol))
			return true;
	return false;
}

static bool file_defines(struct str file, struct str symbol)
{
	struct entry e;

	if (!descend(&symbol, text_of(file, FILE_PACKAGE)) || symbol.len == 0)
		return false;
	while (next_entry(&file, &e))
		if (e.number >= FILE_MESSAGE && e.number <= FILE_SERVICE &&
		    defines(e.bytes, symbol))
			return true;
	return false;
}

static struct str all_files(void)
{
	return (struct str){ (const char *)proto_descriptors, sizeof(proto_descriptors) };
}

static struct str file_named(struct str name)
{
	struct str set = all_files();
	struct entry e;

	while (next_entry(&set, &e))
		if (e.number == SET_FILE && str_eq(text_of(e.bytes, FILE_NAME), name))
			return e.bytes;
	return STR_NONE;
}

static struct str file_with(struct str symbol)
{
	struct str set = all_files();
	struct entry e;

	while (next_entry(&set, &e))
		if (e.number == SET_FILE && file_defines(e.bytes, symbol))
			return e.bytes;
	return STR_NONE;
}

struct files {
	ProtobufCBinaryData v[MAX_FILES];
	size_t n;
};

/* The file and what it imports, each once. */
static void collect(struct files *files, struct str file)
{
	struct entry e;

	for (size_t i = 0; i < files->n; i++)
		if (files->v[i].data == (const uint8_t *)file.p)
			return;
	if (files->n == MAX_FILES || !file.p)
		return;
	files->v[files->n++] = (ProtobufCBinaryData){ file.len, (uint8_t *)file.p };
	while (next_entry(&file, &e))
		if (e.number == FILE_DEPENDENCY)
			collect(files, file_named(e.bytes));
}

static void answer_error(struct grpc_stream *s, Grpc__Reflection__V1__ServerReflectionResponse *r,
			 enum grpc_status status, const char *text)
{
	Grpc__Reflection__V1__ErrorResponse e = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

	e.error_code = status;
	e.error_message = (char *)text;
	r->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
	r->error_response = &e;
	grpc_stream_answer(s, &r->base);
}

static void answer_file(struct grpc_stream *s, Grpc__Reflection__V1__ServerReflectionResponse *r,
			struct str file)
{
	Grpc__Reflection__V1__FileDescriptorResponse f =
		GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	struct files files = { 0 };

	if (!file.p)
		return answer_error(s, r, GRPC_NOT_FOUND, "no such file or symbol");
	collect(&files, file);
	f.n_file_descriptor_proto = files.n;
	f.file_descriptor_proto = files.v;
	r->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
	r->file_descriptor_response = &f;
	grpc_stream_answer(s, &r->base);
}

/* Names of all services, NUL-terminated in `names`. */
static size_t list_services(struct buf *names)
{
	struct str set = all_files();
	struct entry file, e;
	size_t n = 0;

	while (next_entry(&set, &file)) {
		struct str package = text_of(file.bytes, FILE_PACKAGE), body = file.bytes;

		while (next_entry(&body, &e)) {
			if (e.number != FILE_SERVICE)
				continue;
			buf_add_str(names, package);
			buf_add_char(names, '.');
			buf_add_str(names, text_of(e.bytes, ANY_NAME));
			buf_add_char(names, '\0');
			n++;
		}
	}
	return n;
}

static void answer_services(struct grpc_stream *s,
			    Grpc__Reflection__V1__ServerReflectionResponse *r)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	Grpc__Reflection__V1__ServiceResponse items[MAX_FILES], *pointers[MAX_FILES];
	Grpc__Reflection__V1__ListServiceResponse list =
		GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	size_t n = MIN(list_services(&names), (size_t)MAX_FILES);
	char *at = names.p;

	if (names.err)
		return answer_error(s, r, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	for (size_t i = 0; i < n; i++, at += strlen(at) + 1) {
		grpc__reflection__v1__service_response__init(&items[i]);
		items[i].name = at;
		pointers[i] = &items[i];
	}
	list.n_service = n;
	list.service = pointers;
	r->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
	r->list_services_response = &list;
	grpc_stream_answer(s, &r->base);
}

void grpc_reflect_request(struct grpc_stream *s, struct str body)
{
	Grpc__Reflection__V1__ServerReflectionResponse r =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	Grpc__Reflection__V1__ServerReflectionRequest *q;

	q = grpc__reflection__v1__server_reflection_request__unpack(NULL, body.len,
								     (const uint8_t *)body.p);
	if (!q)
		return grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "damaged request");
	r.valid_host = q->host;
	r.original_request = q;
	switch (q->message_request_case) {
#define REQUEST(x) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x
	case REQUEST(LIST_SERVICES):
		answer_services(s, &r);
		break;
	case REQUEST(FILE_BY_FILENAME):
		answer_file(s, &r, file_named(str_from(q->file_by_filename)));
		break;
	case REQUEST(FILE_CONTAINING_SYMBOL):
		answer_file(s, &r, file_with(str_from(q->file_containing_symbol)));
		break;
	default:
		answer_error(s, &r, GRPC_NOT_FOUND, "there are no extensions");
		break;
#undef REQUEST
	}
	grpc__reflection__v1__server_reflection_request__free_unpacked(q, NULL);
}
