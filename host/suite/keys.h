/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of a stanza in unittests.cfg, and what each value means. */
#ifndef FERRY_HOST_SUITE_KEYS_H
#define FERRY_HOST_SUITE_KEYS_H

#include "suite/config-file.h"
#include "suite/suite.h"

/* Where a value is stored, and where complaints about it go. */
struct key_context {
	struct program *program;
	const char *bindir; /* of the flat binaries */
	struct complaints *complaints;
	unsigned line;
};

/* Two keys with the same `read` mean the same. */
struct key {
	const char *name;
	void (*read)(const struct key_context *context, const char *value);
};

/* The key NAME, or NULL if there is none. */
const struct key *key_find(const char *name);
/* " (did you mean 'X'?)" or "; known: ..."; the caller frees it. */
char *key_suggest(const char *name);

/* A program in which each key has its default value. */
struct program *program_new(void);
void program_free(struct program *program);

/*
 * The counts of vCPUs that `smp = VALUE` names, the largest first; {1} after a complaint. An
 * array of unsigned that the caller unrefs.
 */
GArray *key_smp_counts(struct complaints *complaints, unsigned line, const char *value);

#endif
