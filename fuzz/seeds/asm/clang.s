start:
	r6 = r1
	w0 = *(u16 *)(r6 + 12)
	if w0 s> -1 goto out
	r2 = -5 ll
	lock *(u64 *)(r10 - 8) += r2
	r2 = atomic_fetch_add((u64 *)(r10 - 8), r2)
	w0 = cmpxchg32_32(r10 - 8, w0, w2)
	r3 = load_acquire((u64 *)(r10 - 8))
	store_release((u64 *)(r10 - 8), r3)
	may_goto start
	r1 = map[fd:3][0]+8 ll
	call 1
	call start
	gotol out	// far
	r1 = addr_space_cast(r2, 0, 1)
	r0 = *(u8 *)skb[14]
out:	exit	; done
