// SPDX-License-Identifier: Apache-2.0
//
// For `skep exec --elf`: functions without maps, one calling the other.

unsigned long long twice(unsigned long long *p);
int main(void);

__attribute__((noinline)) static unsigned long long add(unsigned long long a, unsigned long long b)
{
	__asm__ volatile("" : "+r"(a));
	return a + b;
}

unsigned long long twice(unsigned long long *p)
{
	return add(*p, *p);
}

int main(void)
{
	return add(10, 20);
}
