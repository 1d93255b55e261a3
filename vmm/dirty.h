/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages of RAM are written to, by KVM's dirty tracking: the dirty log, KVM API documentation
 * 4.8 (KVM_GET_DIRTY_LOG) and 4.117 (KVM_CLEAR_DIRTY_LOG), or dirty rings, 8.29. KVM reports the
 * guest's writes and its own; ferry-vmm's writes are added (memory_wrote()). One VM is tracked at a
 * time. Bitmaps have one bit a page, in 64-bit words.
 */
#ifndef VMM_DIRTY_H
#define VMM_DIRTY_H

#include <stdint.h>

struct machine;

/* The size of each vCPU's ring. It holds 1024 pages, so that rings are full from time to time. */
#define DIRTY_RING_BYTES 16384

/*
 * From now on KVM tracks writes in machine->vm, with rings if the VM has them. Earlier writes may
 * not be reported. vCPUs may run.
 */
void dirty_begin(struct machine *machine);
/*
 * Adds to BITMAP the pages that were written to since they were last reported. vCPUs may run. Copy
 * a page in BITMAP only after dirty_track_again(). Ends the process if KVM has overrun a ring.
 */
void dirty_collect(struct machine *machine, uint64_t *bitmap);
/*
 * From now on KVM tracks the pages in BITMAP[WORD] to BITMAP[WORD + COUNT - 1] again. If a page
 * were copied before this, what the guest writes in between would be lost.
 */
void dirty_track_again(struct machine *machine, uint64_t *bitmap, uint64_t word, uint64_t count);
/* Ends the tracking, before the VM is dropped. */
void dirty_end(struct machine *machine);

#endif
