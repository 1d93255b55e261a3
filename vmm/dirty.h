/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages of RAM are written to, by KVM's dirty tracking: the dirty log, KVM API documentation
 * 4.8 (KVM_GET_DIRTY_LOG) and 4.117 (KVM_CLEAR_DIRTY_LOG), or dirty rings, 8.29. KVM tells of the
 * guest's writes and of its own; ferry-vmm's own are added (memory_wrote()). One VM is tracked at a
 * time. Bitmaps have one bit a page, in 64-bit words.
 */
#ifndef VMM_DIRTY_H
#define VMM_DIRTY_H

#include <stdint.h>

struct machine;

/* Of each vCPU's ring: 1024 pages, so that rings are full from time to time. */
#define DIRTY_RING_BYTES 16384

/*
 * KVM tracks machine->vm from now on. With rings, if the VM has them. A page that was written to
 * before may not be told. vCPUs may run.
 */
void dirty_begin(struct machine *machine);
/*
 * Adds to BITMAP the pages that were written to since they were told before. vCPUs may run. A page
 * in BITMAP is copied only after dirty_track_again(). Ends the process if KVM has overrun a ring.
 */
void dirty_collect(struct machine *machine, uint64_t *bitmap);
/*
 * From now on, KVM tells again of the pages in BITMAP[WORD] to BITMAP[WORD + COUNT - 1]. If a page
 * were copied before this, what the guest writes in between would be lost.
 */
void dirty_track_again(struct machine *machine, uint64_t *bitmap, uint64_t word, uint64_t count);
/* The VM is about to be dropped. */
void dirty_end(struct machine *machine);

#endif
