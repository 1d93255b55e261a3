/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON objects that a report for KCIDB consists of, and lists that hold each object once. */
#ifndef FERRY_HOST_REPORT_KCIDB_OBJECTS_H
#define FERRY_HOST_REPORT_KCIDB_OBJECTS_H

#include <json-glib/json-glib.h>

/* Adds a member of a string, unless VALUE is NULL. */
void kcidb_add(JsonBuilder *builder, const char *name, const char *value);

/* Begins an object with its ID and its ORIGIN, which every object has. */
JsonBuilder *kcidb_begin_object(const char *origin, const char *id);

/* Ends the object, frees BUILDER, and appends the object to TEXT, behind a comma if SOME are there.
 */
void kcidb_end_object(JsonBuilder *builder, GString *text, gboolean some);

/* Objects of one kind, each by its ID once. */
struct kcidb_list {
	const char *origin;
	GHashTable *ids;
	GString *text; /* JSON, with commas between the objects */
};

void kcidb_list_init(struct kcidb_list *list, const char *origin);
void kcidb_list_clear(struct kcidb_list *list);

/* Begins an object of the list. NULL if the list has this ID. */
JsonBuilder *kcidb_list_begin(struct kcidb_list *list, const char *id);
void kcidb_list_end(struct kcidb_list *list, JsonBuilder *builder);

#endif
