/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers the requests for migrations that a guest writes to its console (docs/protocol.md,
 * "Migration sentences"), if it is run by hand, without a runner.
 */
#ifndef VMM_SENTENCE_H
#define VMM_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

/* The guest has written these bytes to its console. On a vCPU's thread, one at a time. */
void sentence_watch(const uint8_t *bytes, size_t count);
/* Whether the guest waits for an answer, and there is no runner to give it. On a vCPU's thread. */
bool sentence_waits(const struct machine *machine);
/* Answers if the guest waits. The director calls it, after a cycle if there is to be one. */
void sentence_answer(const struct machine *machine);

#endif
