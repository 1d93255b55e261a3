/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port and memory-mapped I/O. Each function makes one access of the width in its name. */
#ifndef X86_IO_H
#define X86_IO_H

#include "libcflat.h"

static inline void outb(u8 value, u16 port)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(u16 value, u16 port)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(u32 value, u16 port)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u16 inw(u16 port)
{
	u16 value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u32 inl(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u8 readb(const volatile void *address)
{
	u8 value;

	asm volatile("movb %1, %0" : "=q"(value) : "m"(*(const volatile u8 *)address) : "memory");
	return value;
}

static inline void writeb(u8 value, volatile void *address)
{
	asm volatile("movb %1, %0" : "=m"(*(volatile u8 *)address) : "q"(value) : "memory");
}

static inline u16 readw(const volatile void *address)
{
	u16 value;

	asm volatile("movw %1, %0" : "=r"(value) : "m"(*(const volatile u16 *)address) : "memory");
	return value;
}

static inline void writew(u16 value, volatile void *address)
{
	asm volatile("movw %1, %0" : "=m"(*(volatile u16 *)address) : "r"(value) : "memory");
}

static inline u32 readl(const volatile void *address)
{
	u32 value;

	asm volatile("movl %1, %0" : "=r"(value) : "m"(*(const volatile u32 *)address) : "memory");
	return value;
}

static inline void writel(u32 value, volatile void *address)
{
	asm volatile("movl %1, %0" : "=m"(*(volatile u32 *)address) : "r"(value) : "memory");
}

static inline u64 readq(const volatile void *address)
{
	u64 value;

	asm volatile("movq %1, %0" : "=r"(value) : "m"(*(const volatile u64 *)address) : "memory");
	return value;
}

static inline void writeq(u64 value, volatile void *address)
{
	asm volatile("movq %1, %0" : "=m"(*(volatile u64 *)address) : "r"(value) : "memory");
}

#endif
