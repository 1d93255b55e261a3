/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that look random, and are the same again for the same seed. */
#ifndef RANDOM_H
#define RANDOM_H

#include "libcflat.h"

/*
 * One step of Vigna's splitmix64. Different numbers give different results, which look unrelated
 * even for neighbours. seed, seed + 1, ... give a sequence.
 */
static inline u64 scramble(u64 x)
{
	x += 0x9e3779b97f4a7c15ul;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ x >> 27) * 0x94d049bb133111ebul;
	return x ^ x >> 31;
}

/*
 * What comes at POSITION in an order of the numbers below COUNT, which is a power of two. The order
 * looks random. Each number comes once, since MULTIPLIER is odd; then the order begins again.
 */
static inline u64 shuffled(u64 position, u64 multiplier, u64 seed, u64 count)
{
	return (position * multiplier + seed) & (count - 1);
}

/* The largest power of two that is not above N. N is not 0. */
static inline u64 power_of_two_below(u64 n)
{
	while (n & (n - 1))
		n &= n - 1;
	return n;
}

#endif
