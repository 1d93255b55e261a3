/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows: instructions that L2 executes one after the other. Each has to exit if L1 wants it to, and
 * only then. What SVM (svm_intercept) and VMX (vmx_exit) share is in instructions.c and
 * instructions-turns.c. This header has what these files and the program need from each other.
 *
 * Each instruction has a label before and one after it. By RIP, L1 knows which one has exited; it
 * checks the exit and lets L2 go on after the instruction. An instruction that does not exit has to
 * do in L2 what it does in L1, where they are executed first: it completes, or raises the same
 * exception.
 */
#ifndef L2_INSTRUCTIONS_H
#define L2_INSTRUCTIONS_H

#include "desc.h"
#include "nested/l2.h"

#define MOST_ROWS 64

struct row {
	const char *name;
	void (*run)(void);
	const char *at, *after; /* the instruction's address, and where L2 goes on */
	bool (*there)(void);	/* whether this CPU has it; NULL: every CPU has it */
	/* Only the program knows what these three mean. */
	u64 exit;	 /* EXITCODE or exit reason; unused for exceptions */
	u64 information; /* EXITINFO1, or exit qualification */
	u64 control; /* what L1 sets to make it exit; rows with the same control are neighbours */
	bool always; /* it exits, whatever L1 wants */
	bool only_in_l2; /* not executed in L1; in L2 it raises #UD if it does not exit */
	bool traps;	 /* the exit's RIP is after the instruction */
	/* The exception that the instruction raises. */
	bool raises, optional; /* optional: some CPUs do not raise it */
	u8 vector;
	u32 error;
	u64 address; /* what CR2 has then */
	/* An MSR's number; or a port, counted from base_port, and how many bytes are accessed. */
	u32 number;
	u8 size;
	bool write;
};

#define NOT_CHECKED (~0ul)

/*
 * run_ID() executes one instruction at at_ID; after_ID is the address after it. Whatever the
 * instruction does to the stack, or would have done, is undone.
 */
#define DECLARE_STUB(id, setup, instruction, cleanup)                                              \
	void run_##id(void);                                                                       \
	extern const char at_##id[], after_##id[];
#define STUB(id, setup, instruction, cleanup)                                                      \
	DECLARE_STUB(id, setup, instruction, cleanup)                                              \
	asm(".pushsection .text\n"                                                                 \
	    ".globl run_" #id ", at_" #id ", after_" #id "\n"                                      \
	    "run_" #id ":\n"                                                                       \
	    "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"                   \
	    "mov %rsp, %rbp\n" setup "\n"                                                          \
	    "at_" #id ": " instruction "\n"                                                        \
	    "after_" #id ": " cleanup "\n"                                                         \
	    "mov %rbp, %rsp\n"                                                                     \
	    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"                         \
	    "ret\n"                                                                                \
	    ".popsection");
/* The first members of its row. */
#define INSTRUCTION(id) .name = #id, .run = run_##id, .at = at_##id, .after = after_##id

/* Operands of the instructions, which L1 sets. */
extern u64 operand_cr[9], operand_dr[8], operand_xcr0, operand_tss;
extern u64 operand_value, operand_read, operand_invpcid[2];
extern u32 operand_ecx, operand_port;
extern struct descriptor_table_ptr operand_gdtr, operand_idtr, operand_scratch;
extern u8 operand_buffer[64];
/* Numbers that the instructions contain. */
/* Free selectors: a TSS that is not busy, and a stack that is not present. */
#define TSS_SPARE      0x50
#define NP_STACK       0x60
#define INVLPG_ADDRESS 0x5000
#define SIDT_OFFSET    8
#define SWINT_VECTOR   0x51

/*
 * HLT and MWAIT wait for an interrupt. WAKEUP_VECTOR is pending, and the shadow of the STI right
 * before them holds it back until then. If it does not wake the CPU, the local APIC's timer does
 * after a while, with RESCUE_VECTOR.
 */
#define WAKEUP_VECTOR 0x52
#define RESCUE_VECTOR 0x53
void raise_wakeup(void);
/* After the row: the CPU need not be woken any more. */
void end_wakeup(void);
void begin_wakeups(void);
void end_wakeups(void);

/* Each has: name; instructions before, none of which exits; the instruction; instructions after. */
#define INSTRUCTIONS(X)                                                                            \
	X(cr3_read, "", "mov %cr3, %rsi", "")                                                      \
	X(cr8_read, "", "mov %cr8, %r11", "")                                                      \
	X(cr3_write, "mov operand_cr+24, %r8", "mov %r8, %cr3", "")                                \
	X(cr8_write, "mov operand_cr+64, %r10", "mov %r10, %cr8", "")                              \
	X(dr1_read, "", "mov %dr1, %rdx", "")                                                      \
	X(dr6_read, "", "mov %dr6, %r12", "")                                                      \
	X(dr7_read, "", "mov %dr7, %r15", "")                                                      \
	X(dr0_write, "mov operand_dr, %r9", "mov %r9, %dr0", "")                                   \
	X(dr3_write, "mov operand_dr+24, %rsi", "mov %rsi, %dr3", "")                              \
	X(dr7_write, "mov operand_dr+56, %rcx", "mov %rcx, %dr7", "")                              \
	X(sgdt, "", "sgdt operand_scratch", "")                                                    \
	X(sidt, "mov $operand_buffer, %eax", "sidt 8(%rax)", "")                                   \
	X(lgdt, "", "lgdt operand_gdtr", "")                                                       \
	X(lidt, "", "lidt operand_idtr", "")                                                       \
	X(sldt, "", "sldt %eax", "")                                                               \
	X(str, "", "str %eax", "")                                                                 \
	X(lldt, "xor %eax, %eax", "lldt %ax", "")                                                  \
	X(ltr, "mov operand_tss, %rax; andb $0xfd, 5(%rax); mov $0x50, %eax", "ltr %ax", "")       \
	X(rdtsc, "", "rdtsc", "")                                                                  \
	X(rdtscp, "", "rdtscp", "")                                                                \
	X(rdpmc, "xor %ecx, %ecx", "rdpmc", "")                                                    \
	X(cpuid, "xor %eax, %eax", "cpuid", "")                                                    \
	X(wbinvd, "", "wbinvd", "")                                                                \
	X(invd, "", "invd", "")                                                                    \
	X(pause, "", "pause", "")                                                                  \
	X(swint, "", "int $0x51", "")                                                              \
	X(hlt, "call raise_wakeup; sti", "hlt", "")                                                \
	X(monitor, "mov $operand_buffer, %eax; xor %ecx, %ecx; xor %edx, %edx", "monitor", "")     \
	X(mwait, "call raise_wakeup; xor %eax, %eax; xor %ecx, %ecx; sti", "mwait", "")            \
	X(invlpg, "mov $0x5000, %eax", "invlpg (%rax)", "")                                        \
	X(invpcid, "mov $2, %eax", "invpcid operand_invpcid, %rax", "")                            \
	X(xsetbv, "mov operand_xcr0, %eax; mov operand_xcr0+4, %edx; xor %ecx, %ecx", "xsetbv",    \
	  "")                                                                                      \
	/* Instructions for rows with a number. */                                                 \
	X(rdmsr, "mov operand_ecx, %ecx; xor %eax, %eax; xor %edx, %edx", "rdmsr",                 \
	  "mov %eax, operand_read; mov %edx, operand_read+4")                                      \
	X(wrmsr, "mov operand_ecx, %ecx; mov operand_value, %eax; mov operand_value+4, %edx",      \
	  "wrmsr", "")                                                                             \
	X(in8, "mov operand_port, %edx", "inb %dx, %al", "")                                       \
	X(in16, "mov operand_port, %edx", "inw %dx, %ax", "")                                      \
	X(in32, "mov operand_port, %edx", "inl %dx, %eax", "")                                     \
	X(out8, "mov operand_port, %edx; xor %eax, %eax", "outb %al, %dx", "")                     \
	X(out16, "mov operand_port, %edx; xor %eax, %eax", "outw %ax, %dx", "")                    \
	X(out32, "mov operand_port, %edx; xor %eax, %eax", "outl %eax, %dx", "")

INSTRUCTIONS(DECLARE_STUB)

bool has_monitor(void);
bool has_rdtscp(void);
bool has_xsave(void);
bool has_invpcid(void);

/* First the exceptions that every CPU and hypervisor gets right, then the others, by number. */
extern const struct row exceptions[];
#define USUAL_EXCEPTIONS 12
enum { INT3_EXCEPTION = USUAL_EXCEPTIONS, INTO_EXCEPTION, BOUND_EXCEPTION, SSE_EXCEPTION };
#define ALL_EXCEPTIONS (SSE_EXCEPTION + 1)

#define EXCEPTIONS_WITH_ERROR                                                                      \
	(BIT(TS_VECTOR) | BIT(NP_VECTOR) | BIT(SS_VECTOR) | BIT(GP_VECTOR) | BIT(PF_VECTOR))

/* ======== running rows: for one CPU at a time ======== */

/* What a row did. */
struct outcome {
	u32 exits, passed, exceptions, interrupts;
	u32 early; /* wake-ups that came before HLT or MWAIT, through the shadow of STI */
	bool rescued;
	bool wrong; /* an exit was not as it should be */
	int vector;
	u32 error;
	u64 rip, cr2;
	u64 read; /* what was read from an MSR */
};

/* Whether the interrupt woke HLT or MWAIT, if that is the row. Reports what is wrong. */
bool check_wakeup(const struct row *row, const struct outcome *outcome, const char *when);
/* What the row that is being executed has done, and that row; NULL between rows. */
struct outcome *current_outcome(const struct row **row);

extern const struct row *rows;
extern int row_count;
extern bool is_there[MOST_ROWS];
extern bool wanted[MOST_ROWS];		  /* L1 wants the row to exit */
extern struct outcome natural[MOST_ROWS]; /* what each row did in L1 */
extern volatile bool migrate_inside;	  /* L2 will ask for a migration before its next row */
extern bool was_migrated;		  /* there was a migration in L2 or L1 since begin_rows() */
extern u32 base_port;

/* Runs the rows in L1, where nothing exits, and returns an L2 for turns. */
struct l2 *begin_rows(const struct row *table, int count);
void end_rows(struct l2 *l2);

/*
 * A turn: L2 executes all rows, and each must exit if and only if L1 wants it to. WHEN is the
 * check's text. quiet_turn() only reports failures.
 */
bool quiet_turn(struct l2 *l2, const char *when);
bool turn(struct l2 *l2, const char *when);
/* A turn in which L2 asks for a migration first, or before which L1 does. */
bool migrated_turn(struct l2 *l2, const char *when);
bool turn_after_migration(struct l2 *l2, const char *when);

/*
 * want() makes the chosen rows exit. A row is chosen by the number of its control: controls are
 * numbered in the order of the table, and rows with the same control have the same number.
 */
typedef bool row_choice(int number, int argument);
void want(struct l2 *l2, row_choice *chosen, int argument);
/* Chooses MSRs, in a table where each row that reads an MSR is followed by one that writes it. */
void want_msrs(struct l2 *l2, row_choice *chosen, int argument);
/* Chooses exceptions by their vectors. */
void want_vectors(struct l2 *l2, u32 vectors);
#define ALL_VECTORS 0xffffffff

row_choice all, none;
/* Chooses every other number, beginning with ARGUMENT. */
row_choice every_other;
/*
 * Chooses by a bit of the number, or by its complement. For any two numbers, one pattern chooses
 * only the first. So the tests find a row that exits only because another one should.
 */
row_choice in_pattern;
#define PATTERNS 12

/* ======== of the program ======== */

/* begin_rows() and end_rows(), with what the program adds to them. */
struct l2 *begin_instructions(void);
void end(struct l2 *l2);

/* Sets or clears the row's control. */
void set_control(struct l2 *l2, const struct row *row, bool on);
/* Called right before each turn, to change wanted[] or to spoil the test. */
void before_turn(struct l2 *l2);

/*
 * In L2: ends a turn by an exit. In L1: whether the last exit was that one; then L2 will go on
 * after it.
 */
void end_turn(void);
bool skip_turn_end(struct l2 *l2);

/* Whether the exit is as the row says; reports what is not. */
bool check_information(const struct l2 *l2, const struct row *row, const char *when);
/* Lets L2 go on after the row, whatever the row may have begun. */
void go_on_behind(struct l2 *l2, const struct row *row);
/*
 * The library's code that L2 runs between the rows may exit as the rows do. L1 then does for L2
 * what it wanted to do. Returns whether this was such an exit.
 */
bool carry_out(struct l2 *l2);
/* The row for messages, and whether L1 wants it to exit. */
const char *row_text(int index);

#endif
