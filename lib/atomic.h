/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Atomic counters. Operations that read and change a counter are full barriers. Plain reads and
 * plain sets add no ordering to what x86 does by itself.
 */
#ifndef ATOMIC_H
#define ATOMIC_H

#include "libcflat.h"

typedef struct {
	volatile int counter;
} atomic_t;

typedef struct {
	volatile s64 counter;
} atomic64_t;

#define ATOMIC_INIT(value)                                                                         \
	{                                                                                          \
		value                                                                              \
	}

static inline int atomic_read(const atomic_t *v)
{
	return v->counter;
}

static inline void atomic_set(atomic_t *v, int value)
{
	v->counter = value;
}

/* The functions that end in _return return the new value. */
static inline int atomic_add_return(int amount, atomic_t *v)
{
	return __atomic_add_fetch(&v->counter, amount, __ATOMIC_SEQ_CST);
}

static inline int atomic_inc_return(atomic_t *v)
{
	return atomic_add_return(1, v);
}

static inline int atomic_dec_return(atomic_t *v)
{
	return atomic_add_return(-1, v);
}

static inline void atomic_inc(atomic_t *v)
{
	atomic_add_return(1, v);
}

static inline void atomic_dec(atomic_t *v)
{
	atomic_add_return(-1, v);
}

static inline bool atomic_dec_and_test(atomic_t *v)
{
	return atomic_dec_return(v) == 0;
}

static inline s64 atomic64_read(const atomic64_t *v)
{
	return v->counter;
}

static inline void atomic64_set(atomic64_t *v, s64 value)
{
	v->counter = value;
}

static inline s64 atomic64_add_return(s64 amount, atomic64_t *v)
{
	return __atomic_add_fetch(&v->counter, amount, __ATOMIC_SEQ_CST);
}

static inline void atomic64_inc(atomic64_t *v)
{
	atomic64_add_return(1, v);
}

/* For any integer: stores `desired` if *pointer is `expected`. Gives the old value. */
#define cmpxchg(pointer, expected, desired)                                                        \
	({                                                                                         \
		typeof(*(pointer)) old_ = (expected);                                              \
		__atomic_compare_exchange_n(pointer, &old_, (typeof(*(pointer)))(desired), false,  \
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                   \
		old_;                                                                              \
	})
#define xchg(pointer, value) __atomic_exchange_n(pointer, value, __ATOMIC_SEQ_CST)

#endif
