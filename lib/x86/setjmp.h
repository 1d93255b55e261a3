/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setjmp() and longjmp() (ISO C 7.13). */
#ifndef X86_SETJMP_H
#define X86_SETJMP_H

#include <stdint.h>

/* The registers that a called function must keep (System V ABI, AMD64, 3.2.1). */
struct jmp_registers {
	uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
};
typedef struct jmp_registers jmp_buf[1];

int setjmp(jmp_buf state) __attribute__((returns_twice));
void longjmp(jmp_buf state, int value) __attribute__((noreturn));

#endif
