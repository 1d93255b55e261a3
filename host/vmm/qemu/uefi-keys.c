// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes keys of Secure Boot into OVMF's variable store. The store is a firmware volume (UEFI
 * Platform Initialization Specification, volume 3, 3.2.1) that holds a list of variables: edk2's
 * MdeModulePkg/Include/Guid/VariableFormat.h. Keys are signature lists (UEFI Specification 2.10,
 * 32.4.1). Firmware that finds a platform key (PK) at its start turns Secure Boot on by itself.
 */
#include <string.h>

#include "util/text.h"
#include "vmm/qemu/uefi-keys.h"

/* A GUID as it is in memory: its first three fields are little-endian. */
#define GUID(a, b, c, ...)                                                                         \
	{                                                                                          \
		(a) & 0xff, (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24, (b)&0xff, (b) >> 8,      \
			(c)&0xff, (c) >> 8, __VA_ARGS__                                            \
	}

struct guid {
	guint8 bytes[16];
};

static const struct guid authenticated_store = { GUID(0xaaf32c78u, 0x947b, 0x439a, 0xa1, 0x80, 0x2e,
						      0x14, 0x4e, 0xc3, 0x77, 0x92) };
static const struct guid global_variable = { GUID(0x8be4df61u, 0x93ca, 0x11d2, 0xaa, 0x0d, 0x00,
						  0xe0, 0x98, 0x03, 0x2b, 0x8c) };
static const struct guid image_security = { GUID(0xd719b2cbu, 0x3d3a, 0x4596, 0xa3, 0xbc, 0xda,
						 0xd0, 0x0e, 0x67, 0x65, 0x6f) };
static const struct guid x509_certificate = { GUID(0xa5c059a1u, 0x94e4, 0x4aa7, 0x87, 0xb5, 0xab,
						   0x15, 0x5c, 0x2b, 0xf0, 0x72) };
/* Ferry's own: the owner of a signature. */
static const struct guid ferry = { GUID(0x7a0f4c52u, 0x91d3, 0x4be6, 0x8a, 0x27, 0x5f, 0x1c, 0xe4,
					0x90, 0x36, 0xbd) };

struct volume_header {
	guint8 zero[16];
	struct guid file_system;
	guint64 length;
	guint8 signature[4]; /* "_FVH" */
	guint32 attributes;
	guint16 header_length;
	guint16 checksum, extended_header;
	guint8 reserved, revision;
} __attribute__((packed));

struct store_header {
	struct guid signature;
	guint32 size;
	guint8 format, state;
	guint16 reserved;
	guint32 reserved1;
} __attribute__((packed));

#define VARIABLE_START 0x55aa
#define VARIABLE_ADDED 0x3f
#define ALIGNMENT      4
#define ERASED	       0xff
/* Non-volatile, for boot and runtime services, with time-based authentication. */
#define KEY_ATTRIBUTES 0x27

struct variable {
	guint16 start;
	guint8 state, reserved;
	guint32 attributes;
	guint64 monotonic_count;
	guint8 time[16];
	guint32 public_key_index;
	guint32 name_size, data_size;
	struct guid vendor;
} __attribute__((packed));

struct signature_list {
	struct guid type;
	guint32 list_size, header_size, signature_size;
	struct guid owner; /* of the only signature, whose data follow */
} __attribute__((packed));

/* When the keys were made, for the firmware: 2024-01-01. A later update would have to be newer. */
static const guint8 key_time[16] = { 2024 & 0xff, 2024 >> 8, 1, 1 };

static void append_name(GByteArray *to, const char *name)
{
	for (;; name++) {
		const guint8 character[2] = { *name };

		g_byte_array_append(to, character, sizeof(character));
		if (!*name)
			return;
	}
}

static void append_key(GByteArray *to, const char *name, const struct guid *vendor,
		       GBytes *certificate)
{
	gsize size;
	const void *bytes = g_bytes_get_data(certificate, &size);
	struct signature_list list = {
		.type = x509_certificate,
		.list_size = sizeof(list) + size,
		.signature_size = sizeof(list.owner) + size,
		.owner = ferry,
	};
	struct variable variable = {
		.start = VARIABLE_START,
		.state = VARIABLE_ADDED,
		.attributes = KEY_ATTRIBUTES,
		.name_size = (strlen(name) + 1) * 2,
		.data_size = list.list_size,
		.vendor = *vendor,
	};
	const guint8 erased = ERASED;

	memcpy(variable.time, key_time, sizeof(key_time));
	g_byte_array_append(to, (const guint8 *)&variable, sizeof(variable));
	append_name(to, name);
	g_byte_array_append(to, (const guint8 *)&list, sizeof(list));
	g_byte_array_append(to, bytes, size);
	while (to->len % ALIGNMENT)
		g_byte_array_append(to, &erased, 1);
}

/*
 * The offset of the first variable in the empty store BYTES; *ROOM gets how many bytes fit. 0 if
 * BYTES is no empty store.
 */
static gsize find_place(const guint8 *bytes, gsize size, gsize *room)
{
	const struct volume_header *volume = (const void *)bytes;
	const struct store_header *store;
	gsize place;

	if (size < sizeof(*volume) || memcmp(volume->signature, "_FVH", 4) ||
	    size < volume->header_length + sizeof(*store))
		return 0;
	store = (const void *)(bytes + volume->header_length);
	place = volume->header_length + sizeof(*store);
	if (memcmp(&store->signature, &authenticated_store, sizeof(authenticated_store)) ||
	    store->size < sizeof(*store) || store->size > size - volume->header_length ||
	    bytes[place] != ERASED)
		return 0;
	*room = store->size - sizeof(*store);
	return place;
}

GBytes *uefi_enroll(GBytes *template, GBytes *certificate, GError **error)
{
	g_autoptr(GByteArray) keys = g_byte_array_new();
	gsize size, place, room = 0;
	const guint8 *bytes = g_bytes_get_data(template, &size);
	guint8 *result;

	append_key(keys, "PK", &global_variable, certificate);
	append_key(keys, "KEK", &global_variable, certificate);
	append_key(keys, "db", &image_security, certificate);
	place = find_place(bytes, size, &room);
	if (!place || keys->len > room) {
		g_set_error(error, FERRY_ERROR, 0,
			    "the firmware's template of variables is no empty store of edk2");
		return NULL;
	}
	result = g_memdup2(bytes, size);
	memcpy(result + place, keys->data, keys->len);
	return g_bytes_new_take(result, size);
}
