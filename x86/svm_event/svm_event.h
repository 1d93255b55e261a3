/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_event share. */
#ifndef SVM_EVENT_H
#define SVM_EVENT_H

#include "nested/svm/svm-event.h"

/* svm_inject() and svm_virtual_irq(), which do nothing with break=lost. */
void inject(struct l2 *l2, u64 event);
void request_interrupt(struct l2 *l2, u8 vector);

/* Sends an NMI to this CPU; does nothing with break=lost. */
void send_nmi(void);

/* L2's code: makes call 1. */
void call_once(void *data);
/* L2's code: counts its runs in DATA, a u32. */
void count_run(void *data);

/* L2 calls it after a migration in which a virtual interrupt is pending. See svm_event.c. */
void after_migration(void);

#endif
