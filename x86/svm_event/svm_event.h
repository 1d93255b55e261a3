/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_event need of each other. */
#ifndef SVM_EVENT_H
#define SVM_EVENT_H

#include "nested/svm/svm-event.h"

/* As svm_inject() and svm_virtual_irq(), if not break=lost. */
void inject(struct l2 *l2, u64 event);
void request_interrupt(struct l2 *l2, u8 vector);

/* Sends an NMI to this CPU, if not break=lost. */
void send_nmi(void);

/* An L2's function: makes call 1. */
void call_once(void *data);
/* An L2's function, its data being a u32: counts its runs. */
void count_run(void *data);

/* In L2, after a migration with a virtual interrupt pending: see svm_event.c. */
void after_move(void);

#endif
